"""The one-time link of a new site: its first person sets a password and is signed in."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from predictions.errors import NotFound
from predictions.services import first_run

TEMPLATE = "registration/welcome.html"


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Looking at the page spends nothing; setting the password does."""
    try:
        account = first_run.opened_by(token)
        form = SetPasswordForm(account, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            opened = first_run.open_account(token=token, password=form.cleaned_data["new_password1"])
            login(request, opened, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("start")
    except NotFound as error:
        return render(request, TEMPLATE, {"spent": error.message}, status=404)
    status = 422 if request.method == "POST" else 200
    return render(request, TEMPLATE, {"form": form, "account": account}, status=status)
