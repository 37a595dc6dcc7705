"""Secrets: what travels is a reference, and nothing that goes wrong repeats a value."""

from __future__ import annotations

import copy
import json
import pickle  # noqa: TID251 - that it would not help is the point
import tomllib
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from mainspring import Secret, task
from mainspring.core.carried import carried
from mainspring.core.errors import ConfigurationError, DefinitionError, InvalidParams
from mainspring.core.marks import is_suspicious, raw_secrets
from mainspring.core.secret import SecretRules, parse_secrets

VALUE = "hunter2-hunter2"


class Login(BaseModel):
    user: str
    password: Secret


class Starred(BaseModel):
    key: SecretStr


SPARE = Secret("env:SPARE")


@task
async def charge(token: Secret, login: Login | None = None, spare: Secret = SPARE, note: str = "") -> None: ...


def test_a_reference_travels_and_the_value_does_not() -> None:
    secret = Secret("env:STRIPE_KEY", value=VALUE)
    with carried() as found:
        text = charge.params.dump((), {"token": secret, "login": {"user": "x", "password": "file:db.password"}})
    assert json.loads(text) == {
        "token": "env:STRIPE_KEY", "login": {"user": "x", "password": "file:db.password"}, "spare": "env:SPARE", "note": "",
    }  # fmt: skip
    assert {str(each) for each in found} == {"env:STRIPE_KEY", "file:db.password", "env:SPARE"}
    assert secret.reveal() == secret.get_secret_value() == VALUE
    assert (secret.source, secret.name) == ("env", "STRIPE_KEY")
    assert VALUE not in f"{secret} {secret!r} {[secret]} {vars(Login(user='u', password=secret))}"
    assert secret == Secret("env:STRIPE_KEY")
    assert len({secret, Secret("env:STRIPE_KEY")}) == 1
    for travelled in (pickle.loads(pickle.dumps(secret)), copy.deepcopy(secret)):
        with pytest.raises(ConfigurationError, match="env:STRIPE_KEY is known only inside the body"):
            travelled.reveal()


def test_each_run_has_secrets_of_its_own() -> None:
    """Also a default is shared by nobody: the value of one run must not wait there for the next."""
    first, second = (charge.params.load('{"token": "env:A"}') for _ in range(2))
    first["spare"].resolved(VALUE)
    with pytest.raises(ConfigurationError):
        second["spare"].reveal()


@pytest.mark.scenario("I6", part="a raw value is refused by its type, and not repeated")
@pytest.mark.parametrize(
    "raw", [VALUE, "", "env:", "env:a b", "env:A\n", "file:../up", "file:a/b", "file:.hidden", "ENV:A", 5, None, {"env": "A"}]
)
def test_a_raw_value_is_refused_and_not_repeated(raw: Any) -> None:
    for params in ({"token": raw}, {"token": "env:A", "login": {"user": "x", "password": raw}}):
        for is_json in (False, True):
            with pytest.raises(InvalidParams) as info:
                _ = charge.params.dump_json_text(json.dumps(params)) if is_json else charge.params.dump((), params)
            assert "a reference is needed, env:NAME, file:NAME or store:NAME" in str(info.value)
            assert VALUE not in str(info.value) + repr(info.value.problems)


@pytest.mark.scenario("I6", part="nor under a misspelt name")
def test_what_is_wrong_beside_a_secret_is_not_repeated_either() -> None:
    with pytest.raises(InvalidParams) as info:
        charge.params.dump((), {"tokn": VALUE, "note": {"password": VALUE}, "login": VALUE})
    assert {problem.where for problem in info.value.problems} == {"token", "tokn", "note", "login"}
    assert VALUE not in str(info.value)
    with pytest.raises(ConfigurationError) as other:
        Secret(VALUE)
    assert VALUE not in str(other.value)


def test_the_schema_marks_it() -> None:
    schema = charge.params.schema()
    assert schema["properties"]["token"]["x-mainspring"] == {"secret": True}
    assert schema["properties"]["token"]["format"] == "secret-reference"
    assert charge.params.marks.has_secrets
    assert charge.params.marks.named == ()


def test_types_that_write_themselves_as_stars_are_refused() -> None:
    async def wrong(key: SecretStr, inner: Starred, fine: str) -> None: ...

    with pytest.raises(DefinitionError) as info:
        _ = task(wrong).params
    assert str(info.value).count("annotate it as mainspring.Secret") == 2
    assert "(key)" in str(info.value)
    assert "(inner)" in str(info.value)


# -- what configuration declares

DECLARED = """
folder = "/run/secrets"

[env.STRIPE_KEY]
tasks = ["charge", "refund*"]
tenants = ["acme"]

[file."db.password"]
tasks = ["*"]
"""


def test_only_what_is_declared_for_task_and_tenant() -> None:
    rules = parse_secrets(tomllib.loads(DECLARED), "mainspring.toml")
    assert rules.folder == "/run/secrets"
    for allowed in (("env:STRIPE_KEY", "charge", "acme"), ("env:STRIPE_KEY", "refund_all", "acme"), ("file:db.password", "any", "")):
        assert rules.refusal(*allowed) is None
    assert "of the tenant 'other'" in (rules.refusal("env:STRIPE_KEY", "charge", "other") or "")
    assert "for the task 'report': see [secrets.env.STRIPE_KEY]" in (rules.refusal("env:STRIPE_KEY", "report", "") or "")
    assert rules.refusal("env:STRIPE_KEY", "charges", "acme") is not None
    assert "add [secrets.env.HOME] with tasks = ['charge'] to mainspring.toml" in (rules.refusal("env:HOME", "charge", "") or "")
    assert '[secrets.file."a.b"]' in (rules.refusal("file:a.b", "charge", "") or "")
    assert SecretRules().refusal("env:STRIPE_KEY", "charge", "") is not None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("x", "secrets='x': a table is needed"),
        ({"folder": "secrets"}, "secrets.folder='secrets': an absolute path is needed"),
        ({"evn": {}}, "secrets.evn is unknown, did you mean env?"),
        ({"zzzz": {}}, "secrets.zzzz is unknown: write [secrets.env.NAME]"),
        ({"env": "A"}, "secrets.env must be tables"),
        ({"env": {"a-b": {"tasks": ["x"]}}}, "secrets.env.a-b: the name may have"),
        ({"env": {"A": VALUE}}, "the value itself never stands here"),
        ({"env": {"A": {"value": VALUE}}}, "secrets.env.A.value is unknown: tasks and tenants are known"),
        ({"env": {"A": {}}}, "secrets.env.A.tasks=None: a list of task names is needed"),
        ({"env": {"A": {"tasks": "charge"}}}, "a list of task names"),
        ({"env": {"A": {"tasks": ["x"], "tenants": []}}}, "secrets.env.A.tenants=[]"),
        ({"file": {"a": {"tasks": ["x"]}}}, "secrets.file needs secrets.folder"),
    ],
)
def test_a_wrong_table_is_explained(table: Any, said: str) -> None:
    with pytest.raises(ConfigurationError) as info:
        parse_secrets(table, "mainspring.toml")
    assert said in str(info.value)
    assert str(info.value).startswith("mainspring.toml: ")
    assert VALUE not in str(info.value)


# -- what looks like one

LOOKS = {
    "an AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "a GitHub token": "ghp_" + "a1" * 18,
    "a JSON web token": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "c2lnbmF0dXJl",
    "a private key": "-----BEGIN RSA PRIVATE KEY-----",
    "a Stripe key": "sk_live_" + "4eC39HqLyjWDarjtT1",
    "a Slack token": "xoxb-" + "1234567890-abc",
}


@pytest.mark.parametrize("kind", LOOKS)
def test_values_that_look_like_keys(kind: str) -> None:
    text = json.dumps({"a": f"Bearer {LOOKS[kind]}", "b": {"deep": [LOOKS[kind]]}, "c": LOOKS[kind], "d": "harmless"})
    assert is_suspicious(text)
    assert raw_secrets(text, frozenset({"c"})) == [("a", kind), ("b", kind)]


@pytest.mark.parametrize("text", ['{"a": "AKIA"}', '{"a": "eyJ"}', '{"ghp": "ghp_short"}', '{"a": "-----BEGIN CERTIFICATE-----"}', "{}"])
def test_values_that_do_not(text: str) -> None:
    assert raw_secrets(text, frozenset()) == []
