"""Environments made for files of other scikit-learn releases: what is in them and who uses them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Environment(models.Model):
    """One lock on one version of Python. The folder may be away: it is made again from ``lock`` when it is needed."""

    checksum = models.CharField(_("checksum"), max_length=40, unique=True)
    python = models.CharField(_("Python"), max_length=10)
    sklearn = models.CharField(_("scikit-learn"), max_length=40)
    requirements = models.JSONField(_("asked for"), default=list)
    lock = models.TextField(_("packages"))
    size = models.BigIntegerField(_("size in bytes"), default=0)
    seconds = models.FloatField(_("seconds to make"), default=0)
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    used_at = models.DateTimeField(_("last asked for"), auto_now=True)
    removed_at = models.DateTimeField(_("removed"), null=True, blank=True)

    class Meta:
        verbose_name = _("environment")
        ordering = ("-sklearn", "-pk")

    def __str__(self) -> str:
        return f"scikit-learn {self.sklearn}, Python {self.python}"
