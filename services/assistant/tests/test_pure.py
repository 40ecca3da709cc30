"""What needs no service."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import httpx
import jwt
import pyotp
import pytest
from fastapi import HTTPException, Request
from kombu.transport import redis
from pydantic import BaseModel, ValidationError
from redis import exceptions as redis_errors

from apps.agent.main import Incoming
from apps.fastapi_app.routes.assistant import NewJob, NewMessage
from apps.fastapi_app.routes.auth import Credentials
from apps.fastapi_app.routes.events import NewEvent, _woken
from apps.fastapi_app.routes.tasks import NewTask, TaskChange
from apps.sms_router.main import twilio_signature, twiml
from berth.passwords import hash_now, verify_password
from berth.worker import ForgivingQoS
from personal_assistant.auth.mfa import (
    Cipher,
    Unreadable,
    backup_hash,
    matching_step,
    new_backup_codes,
    new_totp_secret,
    otpauth_uri,
    qr_code,
)
from personal_assistant.auth.tokens import InvalidToken, Sessions, User, issue_access_token, key_id, verify_access_token
from personal_assistant.config.settings import ConfigError, load
from personal_assistant.core import planner
from personal_assistant.core.agent_client import AgentClient, AgentUnavailable
from personal_assistant.core.context import Drain
from personal_assistant.core.http import LONGEST_BODY
from personal_assistant.core.logs import JsonFormatter
from personal_assistant.core.planner import parse_llm, plan
from personal_assistant.core.summary import summarise

NOW = datetime(2026, 3, 10, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "action", "args"),
    [
        ("remind me tomorrow to call Bob", "add_reminder", {"text": "call Bob", "due_at": "2026-03-11T09:00:00+00:00"}),
        (
            "Remind me to call Bob tomorrow at 5pm",
            "add_reminder",
            {"text": "call Bob", "due_at": "2026-03-11T17:00:00+00:00"},
        ),
        (
            "remind me in 10 minutes to stretch",
            "add_reminder",
            {"text": "stretch", "due_at": "2026-03-10T14:40:00+00:00"},
        ),
        (
            "remind me in an hour about the oven.",
            "add_reminder",
            {"text": "the oven", "due_at": "2026-03-10T15:30:00+00:00"},
        ),
        ("remind me at 12:15 to eat", "add_reminder", {"text": "eat", "due_at": "2026-03-11T12:15:00+00:00"}),
        ("remind me at 12am to sleep", "add_reminder", {"text": "sleep", "due_at": "2026-03-11T00:00:00+00:00"}),
        ("note the door code is 1234", "note", {"text": "the door code is 1234"}),
        ("what did I note about the door?", "recall", {"query": "the door"}),
        ("add a task to buy milk.", "add_task", {"title": "buy milk"}),
        ("task: buy milk", "add_task", {"title": "buy milk"}),
        ("list my tasks", "list_tasks", {}),
        ("what are my reminders?", "list_reminders", {}),
        ("hello", "help", {}),
        ("notebooks are nice", "help", {}),
    ],
)
def test_planner(text: str, action: str, args: dict[str, str]) -> None:
    got = plan(text, NOW)
    assert (got.action, got.args) == (action, args)


@pytest.mark.parametrize(
    "text", ["remind me to call Bob", "remind me at 25:00 to call Bob", "remind me tomorrow at 13pm to call Bob"]
)
def test_planner_asks_when_it_did_not_understand_the_time(text: str) -> None:
    got = plan(text, NOW)
    assert got.action == "help" and "when" in got.args["reason"]


@pytest.mark.parametrize(
    "content",
    [
        "not json",
        "[]",
        "null",
        '{"action": "drop_tables"}',
        '{"action": "add_task", "args": {}}',
        '{"action": "add_task", "args": {"title": 3}}',
        '{"action": "add_reminder", "args": {"text": "x", "due_at": "soon"}}',
        '{"action": "note", "args": {"text": " "}}',
        '{"action": "note", "args": {"text": "a\\u0000"}}',
        '{"action": "add_reminder", "args": {"text": "x", "due_at": "9999-12-31T23:59:59-14:00"}}',
    ],
)
def test_a_language_models_answer_is_not_trusted(content: str) -> None:
    assert parse_llm(content) is None


def test_a_language_models_plan_is_used() -> None:
    got = parse_llm(
        '{"action": "add_reminder", "args": {"text": "x", "due_at": "2026-03-10T10:00:00", "user_id": "someone else"}}'
    )
    assert got and got.args == {"text": "x", "due_at": "2026-03-10T10:00:00+00:00"} and got.planner == "llm"


def test_twilio_signature_is_twilios() -> None:
    """The worked example of Twilio's documentation."""
    params = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    assert (
        twilio_signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", params.items())
        == "GvWf1cFY/Q7PnoempGyD5oXAezc="
    )


def test_twiml_escapes() -> None:
    assert b"&lt;b&gt; &amp; co" in twiml("<b> & co").body


OLD, NEW = "o" * 40, "n" * 40
USER = User("1b671a64-40d5-491e-99b0-da01ff1f3341", "user")


def test_jwt_keys_rotate_without_signing_anyone_out() -> None:
    before = issue_access_token(USER, (OLD,), 60)
    for keys in ((OLD, NEW), (NEW, OLD)):
        assert verify_access_token(before, keys) == USER
    after = issue_access_token(USER, (NEW, OLD), 60)
    assert verify_access_token(after, (OLD, NEW)) == USER, "an old process must accept what a new one signs"
    with pytest.raises(InvalidToken):
        verify_access_token(before, (NEW,))


def test_a_jwt_of_a_replica_whose_clock_is_ahead_is_accepted() -> None:
    now = int(time.time())
    claims = {"iss": "assistant", "sub": USER.id, "iat": now + 300, "exp": now + 360}
    token = jwt.encode(claims, NEW, "HS256", headers={"kid": key_id(NEW)})
    assert verify_access_token(token, (NEW,)) == USER


def test_jwt_refuses_forgeries() -> None:
    claims = {"iss": "assistant", "sub": USER.id, "exp": int(time.time()) + 60}
    forged = [
        jwt.encode(claims, "", "none"),
        jwt.encode(claims, "x" * 40, "HS256"),
        issue_access_token(USER, (NEW,), -1),
        "nonsense",
    ]
    for token in forged:
        with pytest.raises(InvalidToken):
            verify_access_token(token, (NEW,))


def test_passwords() -> None:
    import asyncio

    stored = hash_now("correct horse")
    assert asyncio.run(verify_password(stored, "correct horse"))
    assert not asyncio.run(verify_password(stored, "wrong"))
    assert not asyncio.run(verify_password(None, "nobody has this password"))
    assert not asyncio.run(verify_password("!", "!"))


def test_a_connection_that_redis_ended_is_an_error_of_redis() -> None:
    """Any other would be answered with 500."""
    import asyncio

    import redis.exceptions

    from personal_assistant.core.redis_client import connect

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(b"+OK\r\n")

    async def scenario() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        connection = connect(SimpleNamespace(redis_url=url, role="api")).connection_pool.make_connection()
        await connection.connect()
        connection._writer.transport.abort()
        await asyncio.sleep(0.05)
        with pytest.raises(redis.exceptions.ConnectionError):
            await connection.send_command("SET", "a", "b")

    asyncio.run(scenario())


def secret(directory: Path, name: str, content: str) -> str:
    path = directory / name
    path.write_text(content)
    return str(path)


def test_config_reports_every_problem_at_once_and_no_secret(tmp_path: Path) -> None:
    env = {
        "APP_ENV": "production",
        "DEBUG": "yes",
        "PORT": "0",
        "DB_POOL_SIZE": "-1",
        "AGENT_URL": "edge:8001",
        "DATABASE_URL_FILE": secret(tmp_path, "db", "mysql://user:hunter2@host/db"),
        "JWT_KEYS_FILE": secret(tmp_path, "jwt", f"{NEW}\nshort"),
        "REDIS_URL_FILE": str(tmp_path / "absent"),
        "TWILIO_USER_NUMBERS_FILE": secret(tmp_path, "numbers", '{"5551234": "a@example.com"}'),
    }
    with pytest.raises(ConfigError) as caught:
        load("api", env)
    wanted = {*env, "INTERNAL_TOKEN_FILE", "MFA_KEYS_FILE"}
    assert {problem.split(":")[0] for problem in caught.value.problems} == wanted
    assert "hunter2" not in str(caught.value) and "short" not in str(caught.value).replace("shorter", "")


def test_config_takes_senders_that_twilio_takes(tmp_path: Path) -> None:
    env = {
        "DATABASE_URL_FILE": secret(tmp_path, "db", "postgresql://u:p@h/d"),
        "REDIS_URL_FILE": secret(tmp_path, "redis", "redis://h/0"),
    }
    for sender in ("", "+15551234567", "+4915112345678", "12345", "Berth Ltd"):
        assert load("worker", {**env, "TWILIO_FROM_NUMBER": sender}).twilio_from_number == sender
    for sender in ("15551234567", "+0155512345", "+1 (555) 123-4567", "+1555", "1.55e+10", "a name that is long"):
        with pytest.raises(ConfigError, match=r"TWILIO_FROM_NUMBER: got .* needs a number with its plus and country"):
            load("worker", {**env, "TWILIO_FROM_NUMBER": sender})


def test_config_keeps_zero_and_tells_what_is_off(tmp_path: Path) -> None:
    env = {
        "DATABASE_URL_FILE": secret(tmp_path, "db", "postgresql://u:hunter2@h/d\n"),
        "INTERNAL_TOKEN_FILE": secret(tmp_path, "token", "t\n"),
        "AGENT_URL": "http://edge:8001/",
        "RATE_LIMIT_PER_MINUTE": "0",
    }
    settings = load("sms-router", env)
    assert settings.rate_limit_per_minute == 0
    assert settings.agent_url == "http://edge:8001"
    assert settings.port == 8003
    assert "berth:twilioAuthToken" in settings.features_off()["sms"]
    assert "hunter2" not in repr(settings)


def test_summary() -> None:
    got = summarise("Ports matter. Containers publish ports at the edge. Cats sleep.")
    assert got["summary"].startswith("Ports matter.")
    assert (got["words"], got["sentences"]) == (10, 3)
    assert summarise("") == {"summary": "", "words": 0, "sentences": 0, "keywords": []}


def test_log_lines_are_json_and_hold_no_objects() -> None:
    record = logging.makeLogRecord(
        {
            "msg": "two\nlines %s",
            "args": ("é",),
            "levelname": "INFO",
            "status": 200,
            "args_of_a_task": {"password": "x"},
        }
    )
    entry = json.loads(JsonFormatter("assistant-api").format(record))
    assert entry["msg"] == "two\nlines é" and entry["status"] == 200 and "args_of_a_task" not in entry


@pytest.mark.parametrize(
    ("kind", "free"), [(ForgivingQoS, True), (redis.QoS, False)]
)  # once kombu's own frees it, ours can go
@pytest.mark.parametrize("how", ["ack", "reject"])
def test_a_slot_is_free_again_though_redis_could_not_be_told(kind: type[redis.QoS], free: bool, how: str) -> None:
    def away(_: object = None) -> None:
        raise ConnectionError

    qos = kind(SimpleNamespace(conn_or_acquire=away, do_restore=False), prefetch_count=1)
    super(redis.QoS, qos).append(SimpleNamespace(), "a tag")
    assert not qos.can_consume()
    with pytest.raises(ConnectionError):
        getattr(qos, how)("a tag")
    assert qos.can_consume() is free


RFC_6238 = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_pa11_totp_is_that_of_rfc_6238(now: int, code: str) -> None:
    """Appendix B, of whose eight digits an authenticator app shows the last six."""
    assert matching_step(RFC_6238, code, now) == now // 30
    assert matching_step(RFC_6238, f"{code[:3]} {code[3:]}", now) == now // 30, "as it is shown"


def test_pa11_a_clock_may_be_one_step_off_and_no_more() -> None:
    step = 1_000_000
    code = pyotp.TOTP(RFC_6238).generate_otp(step)
    accepted = [drift for drift in range(-3, 4) if matching_step(RFC_6238, code, (step + drift) * 30 + 15) == step]
    assert accepted == [-1, 0, 1]
    for wrong in ("", "000000", "abcdef", code[:-1], code + "0", "é" * 6, "\u0660" * 6):
        assert matching_step(RFC_6238, wrong, step * 30) is None, wrong


def test_pa11_an_authenticator_app_reads_issuer_account_and_secret() -> None:
    uri = otpauth_uri(RFC_6238, "ann+work@example.com", "Berth & co")
    parsed = pyotp.parse_uri(uri)
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (RFC_6238, "ann+work@example.com", "Berth & co")
    assert (parsed.digits, parsed.interval) == (6, 30)
    picture = qr_code(uri)
    assert picture.startswith("data:image/svg+xml")
    drawn = ElementTree.fromstring(unquote(picture.split(",", 1)[1]))
    assert drawn.tag.endswith("svg") and int(drawn.attrib["width"]) > 100


def test_pa11_new_secrets_are_160_bits_and_differ() -> None:
    made = {new_totp_secret() for _ in range(50)}
    assert len(made) == 50 and all(len(base64.b32decode(secret)) == 20 for secret in made)


def test_pa11_secrets_are_read_with_any_key_and_kept_with_the_newest() -> None:
    old = Cipher((OLD,)).encrypt(RFC_6238)
    assert RFC_6238 not in old and Cipher((OLD,)).encrypt(RFC_6238) != old
    assert Cipher((OLD,)).decrypt(old) == (RFC_6238, old), "nothing to keep anew"
    text, kept = Cipher((NEW, OLD)).decrypt(old)
    assert text == RFC_6238 and kept != old
    assert Cipher((NEW,)).decrypt(kept) == (RFC_6238, kept), "the former key is not needed any more"
    assert Cipher((OLD, NEW)).decrypt(kept)[0] == RFC_6238
    for keys in (("x" * 40,), (NEW,)):
        with pytest.raises(Unreadable):
            Cipher(keys).decrypt(old)
    with pytest.raises(Unreadable):
        Cipher((OLD,)).decrypt(old[:-4] + "AAAA")


def test_pa11_backup_codes_are_long_and_kept_as_hashes_of_their_user() -> None:
    codes = new_backup_codes()
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)
    mine = backup_hash(USER.id, codes[0])
    assert codes[0] not in mine and mine != backup_hash("another user", codes[0])
    assert mine == backup_hash(USER.id, codes[0].upper().replace("-", " ")), "however it is typed"


def test_pa11_the_second_factor_needs_a_key_and_an_issuer_that_apps_take(tmp_path: Path) -> None:
    env = {
        "DATABASE_URL_FILE": secret(tmp_path, "db", "postgresql://u:p@h/d"),
        "REDIS_URL_FILE": secret(tmp_path, "redis", "redis://h/0"),
        "JWT_KEYS_FILE": secret(tmp_path, "jwt", NEW),
        "INTERNAL_TOKEN_FILE": secret(tmp_path, "token", "t"),
        "AGENT_URL": "http://edge:8001",
    }
    with pytest.raises(ConfigError) as caught:
        load("api", {**env, "MFA_TOTP_ISSUER": "a:b"})
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["MFA_KEYS_FILE", "MFA_TOTP_ISSUER"]
    keys = secret(tmp_path, "mfa", f"{NEW}\n{OLD}\n\n")
    settings = load("api", {**env, "MFA_KEYS_FILE": keys})
    assert settings.mfa_keys == (NEW, OLD) and NEW not in repr(settings)
    assert "berth:twilioAccountSid" in settings.features_off()["sms codes"]


@pytest.mark.parametrize(
    ("model", "body", "why"),
    [
        (NewEvent, {"id": USER.id, "payload": {"a": ["b\0"]}}, "has a NUL"),
        (NewTask, {"title": "a\0"}, "has a NUL"),
        (TaskChange, {"title": "a\0"}, "has a NUL"),
        (TaskChange, {"due_at": "0001-01-01T00:00:00+14:00"}, "is not in the years"),
        (NewTask, {"title": "a", "due_at": "9999-12-31T23:59:59-14:00"}, "is not in the years"),
        (NewMessage, {"text": "a\0"}, "has a NUL"),
        (NewJob, {"kind": "summarise", "text": "a\0"}, "has a NUL"),
        (Credentials, {"email": "a\0@example.com", "password": "long enough"}, "has a NUL"),
        (Incoming, {"user_id": USER.id, "text": "a\0"}, "has a NUL"),
    ],
)
def test_what_could_not_be_stored_or_never_be_read_is_refused(model: type[BaseModel], body: object, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        model.model_validate(body)


def test_no_statement_asks_for_all_columns() -> None:
    """PostgreSQL refuses one that is prepared ("cached plan must not change result type") once a migration has added a
    column, and the release before it still runs."""
    sources = Path(__file__).resolve().parents[1].joinpath("src").rglob("*.py")
    assert [path.name for path in sources if re.search(r"(SELECT|RETURNING) \*", path.read_text())] == []


def test_the_longest_job_fits_into_a_body() -> None:
    job = NewJob(kind="summarise", text="\U0001f3e0" * 100_000)
    assert len(json.dumps(job.model_dump())) < LONGEST_BODY


class Transactions:
    """What Sessions asks of Redis, which has no room for more: what is in a transaction is done as a whole, or not."""

    def __init__(self, *names: str) -> None:
        self.kept, self.full = dict.fromkeys(names, USER.id), False
        self._asked: list[Callable[[], object]] = []

    async def get(self, name: str) -> str | None:
        return self.kept.get(name)

    async def delete(self, name: str) -> None:
        self.kept.pop(name, None)

    def pipeline(self, transaction: bool) -> AbstractAsyncContextManager[Any]:
        assert transaction
        self._asked = []
        made = {"set": self._set, "delete": self._delete, "execute": self._execute}
        return nullcontext(SimpleNamespace(**made))

    def _set(self, name: str, value: str, ex: int) -> None:
        self._asked.append(lambda: self.kept.update({name: value}))

    def _delete(self, name: str) -> None:
        self._asked.append(lambda: self.kept.pop(name, None) is not None)

    async def _execute(self) -> list[object]:
        if self.full:
            raise redis_errors.OutOfMemoryError("command not allowed when used memory > 'maxmemory'.")
        return [one() for one in self._asked]


def test_a_refresh_that_redis_refuses_logs_nobody_out() -> None:
    redis: Any = Transactions(Sessions._name("old"))
    sessions = Sessions(redis, 60)

    async def scenario() -> None:
        redis.full = True
        assert await sessions.owner("old") == USER.id
        with pytest.raises(redis_errors.OutOfMemoryError):
            await sessions.replace("old", USER.id)
        redis.full = False
        new = await sessions.replace("old", USER.id)
        assert new and await sessions.owner(new) == USER.id and await sessions.owner("old") is None
        assert await sessions.replace("old", USER.id) is None, "used twice"
        assert list(redis.kept) == [Sessions._name(new)], "the second one leaves no session"

    asyncio.run(scenario())


def test_nothing_is_looked_up_for_who_is_gone() -> None:
    messages = [{"type": "http.request"}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    async def scenario() -> bool:
        app = SimpleNamespace(state=SimpleNamespace(context=SimpleNamespace(drain=Drain(30))))
        request = Request({"type": "http", "app": app}, receive)
        return await asyncio.wait_for(_woken(request, asyncio.Event(), time.monotonic() + 60), 5)

    assert asyncio.run(scenario()) is False


def test_a_language_model_that_answers_byte_by_byte_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planner, "LLM_TIMEOUT", 0.2)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=drops()))
    settings: Any = SimpleNamespace(llm_api_key="k", llm_base_url="http://llm", llm_model="m")

    async def scenario() -> planner.Plan:
        async with httpx.AsyncClient(transport=transport) as client:
            return await asyncio.wait_for(planner.plan_with_llm("note a", settings, client), 5)

    assert asyncio.run(scenario()).planner == "rules"


@pytest.mark.parametrize(
    ("status", "raised"),
    [(409, HTTPException), (422, HTTPException), (500, AgentUnavailable), (503, AgentUnavailable)],
)
def test_a_message_that_the_agent_refuses_is_no_outage(status: int, raised: type[Exception]) -> None:
    async def send() -> None:
        client = AgentClient(SimpleNamespace(agent_url="http://agent", internal_tokens=("t",)))  # type: ignore[arg-type]
        answer = httpx.Response(status, json={"error": "the request holds a value that cannot be stored"})
        client._http = httpx.AsyncClient(base_url="http://agent", transport=httpx.MockTransport(lambda _: answer))
        await client.send(user_id="u", text="a\0", channel="api", message_id="m")

    with pytest.raises(raised):
        asyncio.run(send())
