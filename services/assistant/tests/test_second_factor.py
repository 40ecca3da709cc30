"""The second factor, in the running API, with its database and Redis."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import psycopg
import pyotp
from conftest import PASSWORD, Stack, new_user, other_side
from redis import Redis

from personal_assistant.auth.mfa import Cipher, Unreadable


class Ann:
    """A user with an authenticator app."""

    def __init__(self, api: httpx.Client, email: str | None = None) -> None:
        self.api = api
        self.email = email or f"{uuid.uuid4().hex}@example.com"
        self.headers = new_user(api, self.email)
        self.id = api.get("/v1/users/me", headers=self.headers).json()["id"]
        self.secret = ""

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.api.post(f"/v1/auth/mfa/{path}", json=body, headers=self.headers)

    def code(self, ahead: int = 0) -> str:
        """What the app shows now, or so many steps later: one step off is still taken."""
        return pyotp.TOTP(self.secret).at(int(time.time()) + 30 * ahead)

    def enrol(self) -> list[str]:
        """Returns the backup codes."""
        begun = self.post("totp", password=PASSWORD)
        assert begun.status_code == 201, begun.text
        self.secret = begun.json()["secret"]
        confirmed = self.post("totp/confirm", code=self.code())
        assert confirmed.status_code == 200, confirmed.text
        codes: list[str] = confirmed.json()["backup_codes"]
        return codes

    def login(self) -> dict[str, Any]:
        answer = self.api.post("/v1/auth/login", json={"email": self.email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def verify(self, method: str, code: str, challenge: str | None = None) -> httpx.Response:
        token = challenge or self.login()["challenge_token"]
        body = {"challenge_token": token, "method": method, "code": code}
        return self.api.post("/v1/auth/mfa/verify", json=body)


def sql(stack: Stack, query: str, *args: object) -> list[tuple[Any, ...]]:
    with psycopg.connect((stack.directory / "database_url_file").read_text().strip(), autocommit=True) as connection:
        cursor = connection.execute(query, args)
        return cursor.fetchall() if cursor.description else []


def forget_steps(stack: Stack, ann: Ann) -> None:
    """As if a minute were over: codes that were taken may be taken again."""
    sql(stack, "UPDATE mfa_methods SET last_step = 0 WHERE user_id = %s", ann.id)


def forget_guesses(stack: Stack, ann: Ann) -> None:
    """As if a quarter of an hour were over."""
    with Redis.from_url((stack.directory / "redis_url_file").read_text().strip()) as redis:
        redis.delete(f"mfa:guesses:{ann.id}", f"mfa:messages:{ann.id}", f"mfa:passwords:{ann.id}")


def at_once(calls: list[Callable[[], httpx.Response]]) -> list[int]:
    """The status of each, in order of size."""
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda one: statuses.append(one().status_code), args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(statuses)


def test_pa11_without_a_second_factor_a_login_is_what_it_was(api: httpx.Client) -> None:
    ann = Ann(api)
    assert set(ann.login()) == {"access_token", "refresh_token", "token_type", "expires_in"}
    state = api.get("/v1/auth/mfa", headers=ann.headers).json()
    assert state == {"on": [], "available": ["totp"], "backup_codes_left": 0}


def test_pa11_an_enrolment_counts_from_its_first_code_on(api: httpx.Client) -> None:
    ann = Ann(api)
    assert ann.post("totp", password="not the password").status_code == 403
    assert ann.post("totp/confirm", code="123456").status_code == 403, "nothing was begun"
    begun = ann.post("totp", password=PASSWORD).json()
    assert pyotp.parse_uri(begun["otpauth_uri"]).secret == begun["secret"]
    assert begun["qr_code"].startswith("data:image/svg+xml")
    assert "access_token" in ann.login(), "not confirmed: a lost picture locks nobody out"
    ann.secret = begun["secret"]
    again = ann.post("totp", password=PASSWORD).json()["secret"]
    assert ann.post("totp/confirm", code=ann.code()).status_code == 403, "that secret was replaced"
    ann.secret = again
    confirmed = ann.post("totp/confirm", code=ann.code()).json()
    assert confirmed["on"] == ["totp"] and len(confirmed["backup_codes"]) == 10
    assert api.get("/v1/auth/mfa", headers=ann.headers).json()["backup_codes_left"] == 10
    assert ann.post("totp", password=PASSWORD).status_code == 403, "a password alone replaces nothing"
    factor = {"method": "backup", "code": confirmed["backup_codes"][0]}
    assert ann.post("totp", password=PASSWORD, factor=factor).status_code == 409


def test_pa11_a_login_asks_for_the_code_and_takes_each_once(api: httpx.Client, stack: Stack) -> None:
    ann = Ann(api)
    ann.enrol()
    challenge = ann.login()
    assert challenge["mfa_required"] is True and challenge["methods"] == ["totp", "backup"]
    assert set(challenge) == {"mfa_required", "challenge_token", "methods", "expires_in"}
    token = challenge["challenge_token"]
    assert api.get("/v1/tasks", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert api.post("/v1/auth/refresh", json={"refresh_token": token}).status_code == 401
    assert ann.verify("totp", ann.code(), token).status_code == 401, "the code of the enrolment was taken"
    assert ann.verify("sms", "123456", token).status_code == 401, "not a method of this user"
    code = ann.code(1)
    first = ann.verify("totp", code, token)
    assert first.status_code == 200, first.text
    headers = {"Authorization": f"Bearer {first.json()['access_token']}"}
    assert api.get("/v1/users/me", headers=headers).json()["email"] == ann.email
    assert api.post("/v1/auth/refresh", json={"refresh_token": first.json()["refresh_token"]}).status_code == 200
    assert ann.verify("totp", code).status_code == 401, "seen over a shoulder, it is worth nothing"
    forget_steps(stack, ann)
    assert ann.verify("totp", ann.code(), token).status_code == 401, "the challenge was used"
    assert ann.verify("totp", ann.code(), "no such challenge token").status_code == 401


def test_pa11_of_equal_codes_at_the_same_moment_one_is_taken(api: httpx.Client, stack: Stack) -> None:
    ann = Ann(api)
    backup = ann.enrol()
    tokens = [ann.login()["challenge_token"] for _ in range(5)]
    code = ann.code(1)
    one_of_four = [200, 401, 401, 401]
    assert at_once([partial(ann.verify, "totp", code, token) for token in tokens[:4]]) == one_of_four
    forget_guesses(stack, ann)
    tokens = [ann.login()["challenge_token"] for _ in range(4)]
    assert at_once([partial(ann.verify, "backup", backup[0], token) for token in tokens]) == one_of_four
    forget_guesses(stack, ann)
    token = ann.login()["challenge_token"]
    answers = at_once([partial(ann.verify, "backup", one, token) for one in backup[1:4]])
    assert answers == [200, 401, 401], "one challenge is one log-in"


def test_pa11_backup_codes_work_once_and_new_ones_replace_them(api: httpx.Client, stack: Stack) -> None:
    ann = Ann(api)
    codes = ann.enrol()
    assert ann.verify("backup", codes[0].replace("-", " ").upper()).status_code == 200
    assert ann.verify("backup", codes[0]).status_code == 401
    assert api.get("/v1/auth/mfa", headers=ann.headers).json()["backup_codes_left"] == 9
    other = Ann(api)
    other.enrol()
    assert other.verify("backup", codes[1]).status_code == 401, "another user's"
    assert ann.post("backup-codes", method="totp", code="000000").status_code == 403
    renewed = ann.post("backup-codes", method="backup", code=codes[1])
    assert renewed.status_code == 201
    assert ann.verify("backup", codes[2]).status_code == 401
    assert ann.verify("backup", renewed.json()["backup_codes"][0]).status_code == 200


def test_pa11_recovery_a_backup_code_logs_in_and_turns_it_off(api: httpx.Client) -> None:
    ann = Ann(api)
    codes = ann.enrol()
    recovered = ann.verify("backup", codes[0]).json()
    ann.headers = {"Authorization": f"Bearer {recovered['access_token']}"}
    assert ann.post("disable", method="backup", code=codes[0]).status_code == 403, "used"
    assert ann.post("disable", method="backup", code=codes[1]).status_code == 204
    assert "access_token" in ann.login()
    before = ann.secret
    ann.enrol()
    assert ann.secret != before
    assert ann.verify("backup", codes[2]).status_code == 401, "codes from before are gone"
    assert ann.verify("totp", ann.code(1)).status_code == 200


def test_pa11_an_administrator_or_the_operator_turns_it_off(api: httpx.Client, stack: Stack) -> None:
    ann, root = Ann(api), Ann(api)
    ann.enrol()
    path = f"/v1/users/{ann.id}/mfa"
    assert api.delete(path, headers=ann.headers).status_code == 403
    assert stack.run("grant", root.email, "admin").returncode == 0
    admin = {"Authorization": f"Bearer {root.login()['access_token']}"}
    assert api.delete(path, headers=admin).status_code == 204
    assert api.delete(path, headers=admin).status_code == 404
    assert "access_token" in ann.login()
    root.enrol()
    assert stack.run("reset-mfa", root.email.upper()).returncode == 0
    assert stack.run("reset-mfa", root.email).returncode == 1
    assert "access_token" in root.login()


def test_pa11_guesses_are_few_and_counted_by_user(api: httpx.Client, stack: Stack) -> None:
    ann, bob = Ann(api), Ann(api)
    codes = ann.enrol()
    bob.enrol()
    forget_steps(stack, ann)
    wrong = "000000" if ann.code() != "000000" else "000001"
    assert [ann.verify("totp", wrong).status_code for _ in range(6)] == [401] * 5 + [429]
    refused = ann.verify("totp", ann.code())
    assert refused.status_code == 429 and 800 < int(refused.headers["Retry-After"]) <= 900
    assert ann.verify("backup", codes[0]).status_code == 429
    for _ in range(2):
        factor = {"method": "totp", "code": ann.code()}
        assert ann.post("totp", password=PASSWORD, factor=factor).status_code == 429, "the password wins no guess"
    assert bob.verify("totp", bob.code(1)).status_code == 200
    forget_guesses(stack, ann)
    assert ann.verify("totp", ann.code()).status_code == 200
    sent = at_once([partial(ann.verify, "totp", wrong, ann.login()["challenge_token"])] * 9)
    assert sent == [401] * 5 + [429] * 4, "many at once are no way around it"


def test_pa11_passwords_are_not_guessed_by_enrolling(api: httpx.Client) -> None:
    ann = Ann(api)
    tried = [ann.post("totp", password=f"wrong password {n}").status_code for n in range(6)]
    assert tried == [403] * 5 + [429]


def test_pa11_no_code_is_taken_while_redis_is_away(api: httpx.Client, stack: Stack) -> None:
    ann = Ann(api)
    codes = ann.enrol()
    token = ann.login()["challenge_token"]
    elsewhere = stack.directory / "redis_elsewhere"
    elsewhere.write_text("redis://127.0.0.1:1/0")
    stack.stop("api")
    # Not ready, so not waited for: what it answers is what is asked.
    with restarted_blindly(stack, REDIS_URL_FILE=str(elsewhere)):
        answer = ann.verify("backup", codes[0], token)
        assert answer.status_code == 503 and "redis" in answer.json()["error"]
        assert ann.post("disable", method="backup", code=codes[0]).status_code == 503
    assert ann.verify("backup", codes[0], token).status_code == 200


@contextmanager
def restarted_blindly(stack: Stack, **env: str) -> Iterator[None]:
    """The api with another environment, waited for until it answers at all; afterwards as before."""
    answers = stack.answers
    stack.answers = lambda role: alive(stack, role)  # type: ignore[method-assign]
    try:
        stack.start("api", **env)
    finally:
        stack.answers = answers  # type: ignore[method-assign]
    try:
        yield
    finally:
        stack.stop("api")
        stack.start("api")


def alive(stack: Stack, role: str) -> bool:
    try:
        return httpx.get(stack.url(role, "/health"), timeout=2).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def restarted(stack: Stack, **env: str) -> Iterator[None]:
    stack.stop("api")
    with restarted_blindly(stack, **env):
        yield


def keys(stack: Stack, *lines: str) -> str:
    path = Path(stack.directory / f"keys-{uuid.uuid4().hex}")
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_pa11_secrets_are_encrypted_and_move_to_the_newest_key_on_use(api: httpx.Client, stack: Stack) -> None:
    ann, idle = Ann(api), Ann(api)
    codes = ann.enrol()
    idle.enrol()
    old, new = (stack.directory / "mfa_keys_file").read_text().strip(), "n" * 40

    def kept(of: Ann) -> str:
        return str(sql(stack, "SELECT secret FROM mfa_methods WHERE user_id = %s", of.id)[0][0])

    assert ann.secret not in kept(ann) and Cipher((old,)).decrypt(kept(ann))[0] == ann.secret
    hashes = str(sql(stack, "SELECT code_hash FROM mfa_backup_codes WHERE user_id = %s", ann.id))
    assert not any(code in hashes or code.replace("-", "") in hashes for code in codes)
    with restarted(stack, MFA_KEYS_FILE=keys(stack, new, old)):
        assert ann.verify("totp", ann.code(1)).status_code == 200
        assert Cipher((new,)).decrypt(kept(ann))[0] == ann.secret
        assert Cipher((old,)).decrypt(kept(idle))[0] == idle.secret, "not used: not touched"
        forget_steps(stack, ann)
    with restarted(stack, MFA_KEYS_FILE=keys(stack, new)):
        assert ann.verify("totp", ann.code()).status_code == 200, "the former key is not needed any more"
        lost = idle.verify("totp", idle.code(1))
        assert lost.status_code == 409 and "backup code" in lost.json()["error"]
        assert ann.verify("backup", codes[0]).status_code == 200, "backup codes need no key"
        sql(stack, "UPDATE mfa_methods SET secret = %s WHERE user_id = %s", Cipher((old,)).encrypt(ann.secret), ann.id)
    try:
        Cipher((new,)).decrypt(kept(idle))
        raise AssertionError("a key that encrypted nothing reads it")
    except Unreadable:
        pass


def test_pa11_codes_by_sms(api: httpx.Client, stack: Stack) -> None:
    ann, stranger, number = Ann(api), Ann(api), "+15557654321"
    assert ann.post("sms", password=PASSWORD).status_code == 503, "no account for outbound SMS: off"
    url, received, stop = other_side({"sid": "SM1"})
    account = stack.directory / "account_sid_of_the_api"
    account.write_text("AC123")
    numbers = stack.directory / "numbers_of_the_api"
    numbers.write_text(json.dumps({number: ann.email}))

    def code() -> str:
        fields = parse_qs(received[-1])
        assert fields["To"] == [number] and fields["From"] == ["+15550001111"]
        found = re.search(r"assistant: your code is (\d{6})\.", fields["Body"][0])
        assert found, fields
        return found[1]

    twilio = {
        "TWILIO_ACCOUNT_SID_FILE": str(account),
        "TWILIO_USER_NUMBERS_FILE": str(numbers),
        "TWILIO_FROM_NUMBER": "+15550001111",
        "TWILIO_API_URL": url,
    }
    with restarted(stack, **twilio):
        assert stranger.post("sms", password=PASSWORD).status_code == 409, "no number of theirs is known"
        assert api.get("/v1/auth/mfa", headers=ann.headers).json()["available"] == ["totp", "sms"]
        assert ann.post("sms/send").status_code == 409, "not on"
        assert ann.post("sms", password="not the password").status_code == 403 and received == []
        begun = ann.post("sms", password=PASSWORD)
        assert begun.status_code == 202 and begun.json()["sent_to"] == "•" * 8 + "4321"
        assert "access_token" in ann.login(), "not confirmed"
        confirmed = ann.post("sms/confirm", code=code())
        assert confirmed.json()["on"] == ["sms"] and len(confirmed.json()["backup_codes"]) == 10
        assert ann.post("sms/confirm", code=code()).status_code == 403, "taken once"

        challenge = ann.login()
        assert challenge["methods"] == ["sms", "backup"]
        token = {"challenge_token": challenge["challenge_token"]}
        assert api.post("/v1/auth/mfa/verify/sms", json={"challenge_token": "x" * 30}).status_code == 401
        assert api.post("/v1/auth/mfa/verify/sms", json=token).status_code == 202
        first = code()
        assert api.post("/v1/auth/mfa/verify/sms", json=token).status_code == 202
        assert ann.verify("sms", first, token["challenge_token"]).status_code == (200 if first == code() else 401)
        assert ann.verify("sms", code(), token["challenge_token"]).status_code == 200
        assert ann.verify("sms", code()).status_code == 401, "taken once"
        limited = api.post("/v1/auth/mfa/verify/sms", json={"challenge_token": ann.login()["challenge_token"]})
        assert limited.status_code == 429 and len(received) == 3, "each message costs"

        forget_guesses(stack, ann)
        with Redis.from_url((stack.directory / "redis_url_file").read_text().strip(), decode_responses=True) as redis:
            assert ann.post("sms/send").status_code == 202
            name = f"mfa:sms:{ann.id}"
            assert code() not in str(redis.get(name)) and 0 < redis.ttl(name) <= 300  # type: ignore[operator]
        factor = {"method": "sms", "code": code()}
        begun = ann.post("totp", password=PASSWORD, factor=factor)
        assert begun.status_code == 201
        ann.secret = begun.json()["secret"]
        both = ann.post("totp/confirm", code=ann.code()).json()
        assert both == {"on": ["totp", "sms"], "backup_codes": []}, "the backup codes are those of the first method"
        stop()
        failed = ann.post("sms/send")
        assert failed.status_code == 503 and "could not be sent" in failed.json()["error"]
    assert ann.login()["methods"] == ["totp", "backup"], "SMS is off again: not offered, and the factor stays"
    assert ann.post("disable", method="totp", code=ann.code(1)).status_code == 204


def test_pa11_codes_are_counted_and_never_logged(api: httpx.Client, stack: Stack) -> None:
    ann = Ann(api)
    codes = ann.enrol()
    token = ann.login()["challenge_token"]
    wrong = "000000" if ann.code() != "000000" else "000001"
    ann.verify("totp", wrong, token)
    ann.verify("backup", codes[0], token)
    scraped = httpx.get(stack.url("api", "/metrics")).text
    for line in (
        'assistant_mfa_codes_total{method="backup",outcome="accepted"}',
        'assistant_mfa_codes_total{method="totp",outcome="refused"}',
        'assistant_logins_total{outcome="challenged"}',
    ):
        assert any(found.startswith(line) and not found.endswith(" 0.0") for found in scraped.splitlines()), line
    written = "\n".join(stack.log("api"))
    for secret in (ann.secret, codes[0], codes[0].replace("-", ""), token):
        assert secret not in written
