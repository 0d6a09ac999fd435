"""``manage create_api_key``"""

from __future__ import annotations

import io

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from predictions.models import ApiKey
from predictions.selectors import api_keys

pytestmark = pytest.mark.django_db


def _made(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_standard_output_holds_the_key_alone() -> None:
    out, err = _made("partner")
    key = api_keys.find(out.strip())
    assert key is not None
    assert key.name == "partner"
    assert "partner" in err
    assert out.strip() not in err


def test_only_a_hash_is_kept() -> None:
    out, _err = _made("partner")
    secret = out.strip().split("_", 2)[2]
    assert secret not in str(ApiKey.objects.values().get())


def test_a_key_may_act_for_an_account() -> None:
    user = User.objects.create_user("ada")
    out, err = _made("partner", "--user", "ada")
    key = api_keys.find(out.strip())
    assert key is not None
    assert key.user == user
    assert "acts for ada" in err


@pytest.mark.parametrize(
    ("arguments", "words"), [(["partner", "--user", "nobody"], "no account"), (["  "], "name")]
)
def test_what_is_wrong_is_said_and_nothing_made(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        _made(*arguments)
    assert not ApiKey.objects.exists()


def test_a_closed_account_gets_no_key() -> None:
    User.objects.create_user("ada", is_active=False)
    with pytest.raises(CommandError, match="closed"):
        _made("partner", "--user", "ada")
