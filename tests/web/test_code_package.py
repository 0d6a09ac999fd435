"""The code package on the upload page: only administrators see its field, and only theirs is taken."""

from __future__ import annotations

import io

import pytest
from django.urls import reverse

from predictions.models import Job, Source
from predictions.signature.snippets import without_own_code
from tests import factories

pytestmark = pytest.mark.django_db


def _bring(client):
    file, code = io.BytesIO(b"model"), io.BytesIO(b"package")
    file.name, code.name = "m.pkl", "own.whl"
    data = {"file": file, "code": code, "main_module": "app", "name": "Thing", "visibility": "private"}
    return client.post(reverse("upload"), data)


def test_an_administrator_sees_the_field_and_its_package_is_taken(client, artifacts_dir):
    admin = factories.user(is_staff=True, is_superuser=True)
    client.force_login(admin)
    page = client.get(reverse("upload")).content.decode()
    assert 'name="code"' in page
    assert 'name="main_module"' in page
    assert _bring(client).status_code == 302
    source = Source.objects.get()
    assert (source.code_filename, source.code_main_module, source.code_allowed_by) == (
        "own.whl",
        "app",
        admin,
    )


def test_other_staff_do_not_and_what_they_send_is_not_read(client, artifacts_dir):
    client.force_login(factories.user(is_staff=True))
    page = client.get(reverse("upload")).content.decode()
    assert 'name="code"' not in page
    assert 'name="main_module"' not in page
    assert _bring(client).status_code == 302
    assert Source.objects.get().code_key == ""


def test_a_file_with_own_classes_shows_how_to_save_without_them(client):
    owner = factories.user(is_staff=True)
    client.force_login(owner)
    failed = {"kind": "build", "name": "Bad", "status": "failed", "created_by": owner}
    own = Job.objects.create(**failed, error_code="own_code", error_message="It needs `Twice`.")
    other = Job.objects.create(**failed, error_code="truncated", error_message="It was cut.")
    last = without_own_code().splitlines()[0]
    assert last in client.get(reverse("job", args=[own.pk])).content.decode()
    assert last not in client.get(reverse("job", args=[other.pk])).content.decode()
