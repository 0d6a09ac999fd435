"""Settings of the site. Every value comes through `deploy_site.env`; `.env.example` lists every variable."""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext
from kombu import Exchange, Queue
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy_site import env, palette, redis_urls

# Lets generic Django classes be written with their type, as in ModelAdmin[Prediction], at run time too.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

# --- What must be set once DEBUG is off ---------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.secret("SECRET_KEY", default="only-while-debugging" if DEBUG else None)
ALLOWED_HOSTS = env.csv("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if DEBUG else None)
DATABASES = {
    "default": env.database_url("DATABASE_URL", default="postgresql:///modeldesk" if DEBUG else None)
}
REDIS_URL = env.redis_url("REDIS_URL", default="redis://127.0.0.1:6379/0" if DEBUG else None)

# --- Product ------------------------------------------------------------------------------------------

# Only to name this site's address on its own machine, in what commands print.
PORT = env.integer("PORT", 8000, minimum=1)

ARTIFACTS_DIR = env.path("ARTIFACTS_DIR", VAR_DIR / "artifacts")

MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_BYTES", 500_000_000, minimum=1)
MAX_REQUEST_BYTES = env.integer("MAX_REQUEST_BYTES", 10_000_000, minimum=1)
MAX_ROWS_PER_REQUEST = env.integer("MAX_ROWS_PER_REQUEST", 5_000, minimum=1)
# Files of cases: their size, how many of one caller's may be under way, for how long a result can be fetched, and how
# many workers take from one file at a time.
MAX_SCORE_FILE_BYTES = env.integer("MAX_SCORE_FILE_MB", 2048, minimum=1) * 1_000_000
MAX_SCORE_FILES_AT_ONCE = env.integer("MAX_SCORE_FILES_AT_ONCE", 4, minimum=1)
SCORE_RESULT_DAYS = env.integer("SCORE_RESULT_DAYS", 7, minimum=1)
SCORE_HANDS = env.integer("SCORE_HANDS", 32, minimum=1)
MAX_JSON_DEPTH = env.integer("MAX_JSON_DEPTH", 20, minimum=1)

PREDICT_DEADLINE_SECONDS = env.integer("PREDICT_DEADLINE_SECONDS", 10, minimum=1)
WEB_THREADS = env.integer("WEB_THREADS", 32, minimum=1)
GATEWAY_MAX_ROWS_PER_MESSAGE = env.integer("GATEWAY_MAX_ROWS_PER_MESSAGE", 256, minimum=1)
GATEWAY_MAX_WAITING_ROWS = env.integer("GATEWAY_MAX_WAITING_ROWS", 20_000, minimum=1)
REGISTRY_MAX_RUNTIMES = env.integer("REGISTRY_MAX_RUNTIMES", 64, minimum=1)
REGISTRY_MAX_MB = env.integer("REGISTRY_MAX_MB", 1000, minimum=1)
ANSWER_CACHE_MB = env.integer("ANSWER_CACHE_MB", 32)
NATIVE_PREDICT_SECONDS = env.integer("NATIVE_PREDICT_SECONDS", 30, minimum=1)
NATIVE_GROWTH_MB = env.integer("NATIVE_GROWTH_MB", 512, minimum=1)

SANDBOX_MEMORY_BYTES = env.integer("SANDBOX_MEMORY_BYTES", 4 * 1024**3, minimum=1)
SANDBOX_CPU_SECONDS = env.integer("SANDBOX_CPU_SECONDS", 300, minimum=1)
SANDBOX_WALL_SECONDS = env.integer("SANDBOX_WALL_SECONDS", 600, minimum=1)
SANDBOX_FILE_BYTES = env.integer("SANDBOX_FILE_BYTES", 1024**3, minimum=1)
SANDBOX_PROCESSES = env.integer("SANDBOX_PROCESSES", 64, minimum=1)

# Environments for files of other scikit-learn releases: where they lie, how long one may take to be made, whether the
# package index may be asked, and Pythons that are not found by themselves.
ENVIRONMENTS_DIR = env.path("ENVIRONMENTS_DIR", VAR_DIR / "environments")
ENVIRONMENT_SECONDS = env.integer("ENVIRONMENT_SECONDS", 900, minimum=1)
ENVIRONMENTS_OFFLINE = env.flag("ENVIRONMENTS_OFFLINE", default=False)
ENVIRONMENT_PYTHONS = env.csv("ENVIRONMENT_PYTHONS", [])

THROTTLE_ANONYMOUS = env.text("THROTTLE_ANONYMOUS", "120/min")
THROTTLE_KEY = env.text("THROTTLE_KEY", "100000/min")
THROTTLE_USER = env.text("THROTTLE_USER", "6000/min")

JOB_STALE_SECONDS = env.integer("JOB_STALE_SECONDS", 60, minimum=1)

METRICS_DIR = env.path("METRICS_DIR", VAR_DIR / "metrics")
METRICS_TOKEN = env.secret("METRICS_TOKEN", "")
METRICS_PORT = env.integer("METRICS_PORT", 0)
METRICS_HOST = env.text("METRICS_HOST", "127.0.0.1")

# --- Application --------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold",  # before django.contrib.admin, whose templates it replaces
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "predictions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "predictions.web.limits.BodyLimit",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "predictions.web.headers.PageHeaders",
]

ROOT_URLCONF = "deploy_site.urls"
WSGI_APPLICATION = "deploy_site.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database and cache -------------------------------------------------------------------------------

DATABASES["default"] |= {
    "CONN_MAX_AGE": env.integer("DATABASE_CONN_MAX_AGE", 600),
    # A connection that a restarted server closed is replaced instead of failing one request.
    "CONN_HEALTH_CHECKS": True,
    # A pooler that hands a connection on after each transaction loses the cursors of the one before.
    "DISABLE_SERVER_SIDE_CURSORS": env.flag("DATABASE_POOLED", default=False),
}
DATABASES["default"]["OPTIONS"].setdefault("connect_timeout", 5)

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        # Beside the broker's database, never in it: clearing the cache must not lose messages.
        "LOCATION": redis_urls.with_database(REDIS_URL, redis_urls.database_number(REDIS_URL) + 1),
        "KEY_PREFIX": "modeldesk",
        # The client's own default is ten tries, which is seconds of every request while Redis is away.
        "OPTIONS": {
            "socket_timeout": 2,
            "socket_connect_timeout": 1,
            "retry": Retry(NoBackoff(), 1),
        },
    },
}

# --- Accounts and sessions ----------------------------------------------------------------------------

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "start"
LOGOUT_REDIRECT_URL = "start"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

SESSION_ENGINE = "django.contrib.sessions.backends.db"
# Browsers share cookies between ports, so two sites on one machine need two names.
COOKIE_PREFIX = env.text("COOKIE_PREFIX", "modeldesk")
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}_session"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}_csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"

# --- Security headers ---------------------------------------------------------------------------------

HTTPS = env.flag("HTTPS", default=not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
# Health checks and Prometheus come from inside, where there is no TLS.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000) if HTTPS else 0
TRUST_PROXY_HEADERS = env.flag("TRUST_PROXY_HEADERS", default=False)
if TRUST_PROXY_HEADERS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = env.csv("CSRF_TRUSTED_ORIGINS", default=[])
CSRF_FAILURE_VIEW = "predictions.web.errors.csrf_failure"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SILENCED_SYSTEM_CHECKS = [
    # HSTS for subdomains and preloading bind names this site does not own: a decision for the domain's owner.
    "security.W005",
    "security.W021",
]

DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000  # one form with a field per feature of a wide table

# --- Files: static and uploaded -----------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = env.path("STATIC_ROOT", VAR_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
# Hashed, compressed names need a collectstatic first, which development and tests do without.
STATIC_MANIFEST = env.flag("STATIC_MANIFEST", default=not DEBUG)
WHITENOISE_USE_FINDERS = not STATIC_MANIFEST
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": ARTIFACTS_DIR},
    },
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_MANIFEST
        else "django.contrib.staticfiles.storage.StaticFilesStorage",
    },
}

# --- Language and time --------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# --- Mail (password reset) ----------------------------------------------------------------------------

EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "modeldesk@localhost")

# --- API ----------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "predictions.api.authentication.ApiKeyAuthentication",
        "predictions.api.authentication.BrowserSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["predictions.api.permissions.Denied"],
    "DEFAULT_THROTTLE_CLASSES": ["predictions.api.throttles.Throttle"],
    "DEFAULT_THROTTLE_RATES": {"anonymous": THROTTLE_ANONYMOUS, "key": THROTTLE_KEY, "user": THROTTLE_USER},
    # A caller writes X-Forwarded-For as it likes, unless a proxy of ours wrote the last entry.
    "NUM_PROXIES": 1 if TRUST_PROXY_HEADERS else 0,
    "DEFAULT_RENDERER_CLASSES": ["predictions.api.renderers.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["predictions.api.bodies.JsonParser"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "predictions.api.bodies.Negotiation",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "predictions.api.errors.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Model Desk",
    "DESCRIPTION": (
        "Answers from machine-learning models, each one stored. Send an API key as `Authorization: Bearer KEY`, "
        "or use the site's own sign-in. Every error is `application/problem+json` with a `code` that does not change."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "predictions.api.openapi.add_problems",
    ],
    "ENUM_NAME_OVERRIDES": {
        "VisibilityEnum": "predictions.models.MLModel.Visibility",
        "JobStatusEnum": "predictions.models.Job.Status",
        "JobKindEnum": "predictions.models.Job.Kind",
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None, "tryItOutEnabled": True},
    "REDOC_DIST": "SIDECAR",
}

# --- Admin --------------------------------------------------------------------------------------------

UNFOLD = {
    "SITE_TITLE": "Model Desk",
    "SITE_HEADER": "Model Desk",
    "SITE_SUBHEADER": "Review desk",
    "SITE_SYMBOL": "fact_check",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "predictions.admin.navigation.icon"},
    ],
    "STYLES": ["predictions.admin.navigation.stylesheet"],
    "SCRIPTS": ["predictions.admin.navigation.script"],
    "DASHBOARD_CALLBACK": "predictions.admin.dashboard.context",
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "predictions.admin.navigation.sidebar",
    },
    "COLORS": palette.COLORS,
}

# --- Celery -------------------------------------------------------------------------------------------

CELERY_BROKER_URL = redis_urls.for_celery(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than any build, training or batch, or Redis would hand the same message out twice.
    "visibility_timeout": 6 * 3600,
    # Without these a publish to a silent server hangs for ever, and a web request with it.
    "socket_timeout": 2,
    "socket_connect_timeout": 1,
    "socket_keepalive": True,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
}
CELERY_IMPORTS = ("predictions.tasks",)
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_BACKEND = None
# Threads that take from these queues without Celery's consumer (deploy_site/direct_queues.py).
# Slow ml_models, and what must be loaded first, have queues of their own (predictions/gateway/tiers.py).
DIRECT_QUEUES = {
    "interactive": env.integer("INTERACTIVE_CONCURRENCY", 4, minimum=1),
    "interactive-slow": env.integer("INTERACTIVE_SLOW_CONCURRENCY", 4, minimum=1),
    "interactive-heavy": env.integer("INTERACTIVE_HEAVY_CONCURRENCY", 4, minimum=1),
    "interactive-cold": env.integer("INTERACTIVE_COLD_CONCURRENCY", 2, minimum=1),
}
CELERY_TASK_QUEUES = [
    # Without a routing key of its own, each queue would be bound to the default queue's and share its messages.
    Queue(name, Exchange(name), routing_key=name)
    for name in (*DIRECT_QUEUES, "batch", "build", "train", "maintenance")
]
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_TASK_CREATE_MISSING_QUEUES = False
CELERY_TASK_ROUTES = {
    "predictions.tasks.answer": {"queue": "interactive"},
    "predictions.tasks.run_batch": {"queue": "batch"},
    "predictions.tasks.run_build": {"queue": "build"},
    "predictions.tasks.run_training": {"queue": "train"},
    "predictions.tasks.run_maintenance": {"queue": "maintenance"},
    "predictions.tasks.sweep_jobs": {"queue": "maintenance"},
    "predictions.tasks.extend_history": {"queue": "maintenance"},
    "predictions.tasks.warm": {"queue": "maintenance"},
}
CELERY_BEAT_SCHEDULE = {
    # A sweep nobody took before the next one is due says nothing new.
    "sweep-jobs": {"task": "predictions.tasks.sweep_jobs", "schedule": 15.0, "options": {"expires": 15}},
    # Parts are made months ahead, so that it does not matter when exactly.
    "extend-history": {"task": "predictions.tasks.extend_history", "schedule": 6 * 3600.0},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat" / "schedule")
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Celery closes the database connection around every task unless told how many tasks may share it.
CELERY_DB_REUSE_MAX = 10_000
CELERY_TIMEZONE = "UTC"

# --- Logging: one line each, to stderr, without case data ---------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "deploy_site.logs.LineFormatter", "with_exception_text": DEBUG},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {
        # Django's own handlers would mail tracebacks; propagation alone is enough.
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.request": {"level": "ERROR"},  # a 404 is the caller's news, not ours
        # One line per answer is thousands of lines a second.
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}
