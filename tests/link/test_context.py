"""Which fleet, as whom: precedence, errors that say what to do, and no secret anywhere it can be seen."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fleetgui.link.context import Context, ContextError, Flags, Protection, describe, resolve_context
from fleetgui.link.credentials import CredsFile, Nkey, Token, UserPassword, prove
from tests.jwts import Operator


class Home:
    """A configuration folder with the `nats` tool's contexts in it, and an environment that points there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {"XDG_CONFIG_HOME": str(folder), "HOME": str(folder)}
        (folder / "nats" / "context").mkdir(parents=True)

    def context(self, name: str, *, select: bool = False, **settings: Any) -> None:
        (self.folder / "nats" / "context" / f"{name}.json").write_text(json.dumps(settings))
        if select:
            (self.folder / "nats" / "context.txt").write_text(f"{name}\n")

    def resolve(self, flags: Flags | None = None, **environ: str) -> Context:
        return resolve_context(flags or Flags(), {**self.environ, **environ})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_nothing_said_is_the_local_broker(home: Home) -> None:
    context = home.resolve()
    assert context == Context(name="127.0.0.1:4222", servers=("nats://127.0.0.1:4222",))
    assert (context.tenant, context.protection, context.credentials) == ("default", Protection.OPEN, None)


def test_flags_come_before_the_environment_before_the_selected_context(home: Home) -> None:
    home.context("selected", select=True, url="nats://selected:1", user="s", password="sp", description="the selected")
    assert home.resolve().servers == ("nats://selected:1",)
    assert home.resolve().credentials == UserPassword(user="s", password="sp")  # type: ignore[arg-type]  # coerced
    assert home.resolve().description == "the selected"
    environment = home.resolve(NATS_URL="nats://environment:2")
    assert environment.servers == ("nats://environment:2",)
    flags = home.resolve(Flags(server="nats://flag:3"), NATS_URL="nats://environment:2", FLEETGUI_TENANT="t")
    assert flags.servers == ("nats://flag:3",)
    assert flags.tenant == "t"


def test_what_was_stored_for_one_broker_is_not_sent_to_another(home: Home) -> None:
    home.context("selected", select=True, url="nats://selected:1", user="s", password="sp")
    for context in (home.resolve(Flags(server="nats://else:1")), home.resolve(NATS_URL="nats://else:1")):
        assert context.credentials is None
        assert context.name == "else:1"


def test_a_context_that_is_named_comes_before_what_is_weaker(home: Home) -> None:
    home.context("selected", select=True, url="nats://selected:1")
    home.context("named", url="nats://named:1", token="tok")
    by_flag = home.resolve(Flags(context="named"), NATS_URL="nats://environment:2", NATS_CONTEXT="selected")
    assert (by_flag.name, by_flag.servers) == ("named", ("nats://named:1",))
    by_environment = home.resolve(NATS_CONTEXT="named")
    assert (by_environment.name, by_environment.servers) == ("named", ("nats://named:1",))
    both = home.resolve(NATS_CONTEXT="named", NATS_URL="nats://environment:2")
    assert both.servers == ("nats://environment:2",)
    assert isinstance(both.credentials, Token)


def test_flags_override_single_settings_of_a_named_context(home: Home) -> None:
    home.context("named", url="nats://named:1", user="u", password="p", color_scheme="red")
    context = home.resolve(Flags(context="named", token="flag-token", tenant="acme"))
    assert context.servers == ("nats://named:1",)
    assert context.credentials == Token(token="flag-token")  # type: ignore[arg-type]  # coerced
    assert (context.tenant, context.colour) == ("acme", "red")


def test_every_flag_from_what_argparse_returns() -> None:
    parsed = argparse.Namespace(server="nats://a:1", tenant="t", unrelated=1)
    assert Flags.from_namespace(parsed) == Flags(server="nats://a:1", tenant="t")


def test_the_environments_names_are_the_nats_tools(home: Home, tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / name).write_text("x")
    context = home.resolve(
        NATS_URL="tls://a:1,b",
        NATS_USER="u",
        NATS_PASSWORD="p",
        NATS_CA=str(tmp_path / "ca"),
        NATS_CERT=str(tmp_path / "cert"),
        NATS_KEY=str(tmp_path / "key"),
        FLEETGUI_PROTECTION="read-only",
    )
    assert context.servers == ("tls://a:1", "nats://b:4222")
    assert context.tls.ca == tmp_path / "ca"
    assert context.protection is Protection.READ_ONLY
    assert describe(context)["tls"]["required"] is True


def test_a_user_without_a_password_is_a_token(home: Home) -> None:
    assert isinstance(home.resolve(NATS_USER="tok").credentials, Token)
    assert isinstance(home.resolve(NATS_TOKEN="tok").credentials, Token)


def test_a_user_by_flag_has_the_password_of_the_environment(home: Home) -> None:
    for user in ({}, {"NATS_USER": ""}, {"NATS_USER": "backend"}):
        credentials = home.resolve(Flags(user="backend"), NATS_PASSWORD="p", **user).credentials
        assert isinstance(credentials, UserPassword)
        assert (credentials.user, credentials.password.get_secret_value()) == ("backend", "p")


def test_another_users_password_is_not_sent_along(home: Home) -> None:
    credentials = home.resolve(Flags(user="backend"), NATS_USER="noc", NATS_PASSWORD="p").credentials
    assert isinstance(credentials, Token)
    own = home.resolve(Flags(user="backend", password="own"), NATS_USER="noc", NATS_PASSWORD="p").credentials
    assert isinstance(own, UserPassword)
    assert own.password.get_secret_value() == "own"


def test_credentials_in_a_url_are_taken_out_of_it(home: Home) -> None:
    context = home.resolve(Flags(server="nats://bob:hun%40ter2@a:1,nats://b:2"))
    assert context.servers == ("nats://a:1", "nats://b:2")
    assert isinstance(context.credentials, UserPassword)
    assert context.credentials.password.get_secret_value() == "hun@ter2"
    assert isinstance(home.resolve(Flags(server="nats://tok@a:1")).credentials, Token)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("broker", "nats://broker:4222"),
        ("broker:5", "nats://broker:5"),
        ("tls://broker", "tls://broker:4222"),
        ("nats://[::1]:7", "nats://[::1]:7"),
        (" nats://a:1 ,", "nats://a:1"),
        ("nats://a:1,a:1", "nats://a:1"),
    ],
)
def test_urls_that_are_fine(home: Home, url: str, server: str) -> None:
    assert home.resolve(Flags(server=url)).servers == (server,)


@pytest.mark.parametrize(
    "url",
    ["http://a", "ws://a", "nats://", "nats://a:99999", "nats://a:x", "nats://a b", ",", "nats://a:0", "nats://[::"],
)
def test_urls_that_are_not(home: Home, url: str) -> None:
    with pytest.raises(ContextError, match=r"nats://broker\.example:4222"):
        home.resolve(Flags(server=url))


def test_a_bad_url_does_not_show_its_password(home: Home) -> None:
    with pytest.raises(ContextError) as caught:
        home.resolve(Flags(server="http://bob:hunter2@a"))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (Flags(user="u", password="p", token="t"), "both given in the flags"),
        (Flags(user="u", token="t"), "Both a user and a token"),
        (Flags(password="p"), "without a user"),
        (Flags(creds="/nowhere/x.creds"), "cannot be read: No such file"),
        (Flags(tlsca="/nowhere/ca.pem"), "--tlsca"),
        (Flags(tlscert="/nowhere/c.pem"), "both --tlscert and --tlskey"),
        (Flags(tenant="a.b"), "it holds a dot; name another with --tenant"),
        (Flags(tenant="*"), "--tenant"),
        (Flags(protection="paranoid"), "open, confirm, read-only"),
        (Flags(context="nope"), "There is no context 'nope'; known are one, two."),
        (Flags(context="../../etc/passwd"), "cannot be the name of a context"),
    ],
)
def test_errors_say_what_to_do_in_one_sentence(home: Home, flags: Flags, says: str) -> None:
    home.context("one", url="nats://a:1")
    home.context("two", url="nats://a:1")
    with pytest.raises(ContextError) as caught:
        home.resolve(flags)
    assert says in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_without_any_context_the_error_says_how_to_make_one(home: Home) -> None:
    with pytest.raises(ContextError, match="nats context add"):
        home.resolve(Flags(context="nope"))


def test_a_context_file_that_does_not_fit(home: Home) -> None:
    path = home.folder / "nats" / "context" / "broken.json"
    for text, says in (("{", "not JSON"), ("[]", "not JSON"), ('{"user": {"secret": 1}}', "user")):
        path.write_text(text)
        with pytest.raises(ContextError, match=says):
            home.resolve(Flags(context="broken"))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ContextError, match="not a text file"):
        home.resolve(Flags(context="broken"))


def test_a_selected_context_that_is_gone_is_an_error(home: Home) -> None:
    (home.folder / "nats" / "context.txt").write_text("gone")
    with pytest.raises(ContextError, match="'gone'"):
        home.resolve()


def test_null_fields_in_a_context_file_are_not_said(home: Home) -> None:
    home.context("nulls", url="nats://a:1", user=None, creds=None, unknown={"x": 1})
    assert home.resolve(Flags(context="nulls")).credentials is None


def test_creds_files_of_both_kinds(home: Home, tmp_path: Path) -> None:
    operator = Operator()
    plain = home.resolve(Flags(creds=str(operator.creds(tmp_path / "u.creds")), server="nats://a:1"))
    assert plain.credentials == CredsFile(path=tmp_path / "u.creds")
    proof = prove(plain.credentials)
    assert proof.seed is not None
    assert proof.seed.get_secret_value() == operator.user.seed
    (tmp_path / "ca.pem").write_text("x")
    path = operator.creds_json(tmp_path / "u.creds.json", "tls://fleet:4222", tenant="acme", ca=tmp_path / "ca.pem")
    context = home.resolve(Flags(creds=str(path)))
    assert (context.servers, context.tenant, context.tls.ca) == (("tls://fleet:4222",), "acme", tmp_path / "ca.pem")
    overridden = home.resolve(Flags(creds=str(path), server="tls://other:1", tenant="other"))
    assert (overridden.servers, overridden.tenant) == (("tls://other:1",), "other")
    assert home.resolve(NATS_CREDS=str(path)).tenant == "acme"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no credentials file"),
        ("hello", "is no credentials file"),
        ("{", "is not the JSON"),
        ('{"nats": 7}', "does not fit"),
        ('{"nats": {"urls": "x"}}', "does not fit: nats.urls"),
        ('{"tenant": 7, "nats": {}}', "tenant is not a string"),
        ('{"nats": {"jwt": "x"}}', "lacks"),
        ('{"nats": {"jwt": "x", "nkey_seed": "SECRET"}}', "holds no user's nkey seed"),
    ],
)
def test_credentials_files_that_are_none(home: Home, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "bad").write_text(text)
    with pytest.raises(ContextError, match=says) as caught:
        home.resolve(Flags(creds=str(tmp_path / "bad")))
    assert "SECRET" not in str(caught.value)


def test_a_credentials_file_that_may_not_be_read_or_is_a_folder(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ContextError, match="cannot be read"):
        home.resolve(Flags(creds=str(tmp_path)))
    (tmp_path / "big").write_bytes(bytes(2 * 1024 * 1024))
    with pytest.raises(ContextError, match="larger than"):
        home.resolve(Flags(creds=str(tmp_path / "big")))


def test_no_secret_in_any_repr_or_description(home: Home, tmp_path: Path) -> None:
    operator = Operator()
    home.context("named", url="nats://u:s3cr3t-url@named:1", user="u", password="s3cr3t-file")
    secret = {operator.user.seed, operator.user_jwt(), "s3cr3t-url", "s3cr3t-file", "s3cr3t-flag", "s3cr3t-token"}
    contexts = [
        home.resolve(Flags(context="named")),
        home.resolve(Flags(user="u", password="s3cr3t-flag")),
        home.resolve(Flags(token="s3cr3t-token")),
        home.resolve(Flags(server="nats://u:s3cr3t-url@a:1")),
        home.resolve(Flags(creds=str(operator.creds(tmp_path / "u.creds")))),
    ]
    shown = " ".join(
        f"{context!r} {context} {context.model_dump()} {context.model_dump_json()} {describe(context)}"
        f" {prove(context.credentials)!r}"
        for context in contexts
    ) + repr(Flags(password="s3cr3t-flag", server="nats://u:s3cr3t-url@a:1"))
    assert not [each for each in secret if each in shown]
    assert json.dumps(describe(contexts[0]))


def test_a_context_is_frozen() -> None:
    context = Context()
    with pytest.raises(ValidationError):
        context.tenant = "other"


def test_an_nkey_file(home: Home, tmp_path: Path) -> None:
    operator = Operator()
    (tmp_path / "user.nk").write_text(operator.user.seed + "\n")
    context = home.resolve(Flags(nkey=str(tmp_path / "user.nk")))
    assert context.credentials == Nkey(path=tmp_path / "user.nk")
    proof = prove(context.credentials)
    assert proof.seed is not None
    assert proof.jwt is None
    (tmp_path / "user.nk").unlink()
    with pytest.raises(ContextError, match="nkey file"):
        prove(context.credentials)
