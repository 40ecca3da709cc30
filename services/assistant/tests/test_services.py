"""The roles, running, against the real services."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import signal
import threading
import time
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode
from xml.etree import ElementTree

import httpx
import psycopg
import pytest
from conftest import INTERNAL_TOKEN, NUMBER, SEED_PASSWORD, TWILIO_TOKEN, Stack, new_user, other_side, wait_for
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect as websocket

VERSIONS = Path(__file__).resolve().parents[1] / "src/migrations/versions"
REVISIONS = [path.name[:4] for path in sorted(VERSIONS.glob("[0-9]*.py"))]
NEWEST = REVISIONS[-1]


def job_done(api: httpx.Client, headers: dict[str, str], job_id: str, seconds: float = 20) -> dict[str, Any]:
    def finished() -> dict[str, Any] | None:
        job: dict[str, Any] = api.get(f"/v1/jobs/{job_id}", headers=headers).json()
        return job if job["state"] in ("done", "failed") else None

    job = wait_for(finished, seconds)
    assert isinstance(job, dict)
    return job


def test_health_and_metrics_of_every_role(stack: Stack) -> None:
    for role in stack.ports:
        assert httpx.get(stack.url(role, "/health")).json()["status"] == "ok"
        assert httpx.get(stack.url(role, "/ready")).status_code == 200
        scraped = httpx.get(stack.url(role, "/metrics")).text
        for name in (
            "dependency_up",
            "assistant_release_info",
            "container_network_receive_bytes_total",
            'assistant_jobs_finished_total{outcome="failed"}',
        ):
            assert name in scraped, f"{role}: {name}"
    checks = httpx.get(stack.url("api", "/ready")).json()["checks"]
    assert set(checks) == {"database", "redis", "agent"}
    assert set(httpx.get(stack.url("api", "/ready?scope=data")).json()["checks"]) == {"database", "redis"}


def test_session_life(api: httpx.Client) -> None:
    account = {"email": f"{uuid.uuid4().hex}@Example.com", "password": "correct horse battery"}
    assert api.post("/v1/auth/register", json=account).status_code == 201
    assert api.post("/v1/auth/register", json=account).status_code == 409
    assert api.post("/v1/auth/login", json={**account, "password": "wrong password"}).status_code == 401
    first = api.post("/v1/auth/login", json=account).json()
    second = api.post("/v1/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert second.status_code == 200
    assert api.post("/v1/auth/refresh", json={"refresh_token": first["refresh_token"]}).status_code == 401, "used twice"
    assert api.post("/v1/auth/logout", json={"refresh_token": second.json()["refresh_token"]}).status_code == 204
    assert api.post("/v1/auth/refresh", json={"refresh_token": second.json()["refresh_token"]}).status_code == 401
    me = api.get("/v1/users/me", headers={"Authorization": f"Bearer {second.json()['access_token']}"})
    assert me.json()["email"] == account["email"].lower()


def test_who_guesses_passwords_is_told_to_wait_and_nobody_else(api: httpx.Client) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    api.post("/v1/auth/register", json=account)

    def log_in(address: str = "203.0.113.1", **other: str) -> httpx.Response:
        # The last address is what the edge writes.
        return api.post("/v1/auth/login", json=account | other, headers={"X-Forwarded-For": f"10.0.0.1, {address}"})

    assert [log_in(password="wrong password").status_code for _ in range(9)] == [401] * 9
    assert log_in().status_code == 200, "a right one begins anew"
    assert [log_in(password="wrong password").status_code for _ in range(11)] == [401] * 10 + [429]
    refused = log_in()
    assert refused.status_code == 429 and 800 < int(refused.headers["Retry-After"]) <= 900
    assert log_in("203.0.113.2").status_code == 200, "its owner is elsewhere"
    assert log_in(email=f"{uuid.uuid4().hex}@example.com").status_code == 401, "of another account"


def test_what_needs_a_token(api: httpx.Client) -> None:
    for path in (
        "/v1/tasks",
        "/v1/events",
        "/v1/messages",
        f"/v1/jobs/{uuid.uuid4()}",
        "/v1/reminders",
        "/v1/users/me",
        "/v1/users",
    ):
        assert api.get(path).status_code == 401, path
        assert api.get(path, headers={"Authorization": "Bearer nonsense"}).status_code == 401, path
    assert api.get("/v1/version").json() == {"version": os.environ.get("APP_VERSION", "0.0.0"), "environment": "dev"}
    answer = api.post("/v1/auth/login", json={"email": "a@b.c", "password": "short"})
    assert answer.status_code == 422 and "short" not in answer.text, "a refused password is not repeated"


def test_roles_are_held(api: httpx.Client, stack: Stack) -> None:
    account = {"email": f"{uuid.uuid4().hex}@example.com", "password": "correct horse battery"}
    user = new_user(api, account["email"])
    assert api.get("/v1/users", headers=user).status_code == 403
    assert stack.run("grant", account["email"], "admin").returncode == 0
    token = api.post("/v1/auth/login", json=account).json()["access_token"]
    assert api.get("/v1/users", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_tasks_belong_to_their_user(api: httpx.Client) -> None:
    alice, bob = new_user(api), new_user(api)
    task = api.post("/v1/tasks", json={"title": "buy milk"}, headers=alice).json()
    path = f"/v1/tasks/{task['id']}"
    assert api.patch(path, json={"done": True}, headers=alice).json()["done"] is True
    assert [t["id"] for t in api.get("/v1/tasks", headers=alice).json()] == [task["id"]]
    assert api.get("/v1/tasks", headers=bob).json() == []
    for method in ("GET", "PATCH", "DELETE"):
        assert api.request(method, path, json={} if method == "PATCH" else None, headers=bob).status_code == 404
    assert api.delete(path, headers=alice).status_code == 204
    assert api.get(path, headers=alice).status_code == 404


def test_an_event_is_stored_once_and_its_executions_counted(api: httpx.Client) -> None:
    alice, bob = new_user(api), new_user(api)
    event = {"id": str(uuid.uuid4()), "payload": {"n": 1}}
    assert api.post("/v1/events", json=event, headers=alice).json()["attempts"] == 1
    assert api.post("/v1/events", json=event, headers=alice).json()["attempts"] == 2
    assert api.get(f"/v1/events/{event['id']}", headers=alice).json()["attempts"] == 2
    assert api.get(f"/v1/events/{event['id']}", headers=bob).status_code == 404
    assert api.post("/v1/events", json=event, headers=bob).json()["attempts"] == 1, "ids of two users do not meet"
    other = event | {"payload": {"n": 2}}
    assert api.post("/v1/events", json=other, headers=alice).status_code == 409, "it would be lost"
    kept = api.get(f"/v1/events/{event['id']}", headers=alice).json()
    assert (kept["attempts"], kept["payload"]) == (2, {"n": 1})
    for payload in ({"x": "\u0000"}, {"x": "\ud800"}):
        sent = json.dumps({"id": str(uuid.uuid4()), "payload": payload})
        refused = api.post("/v1/events", content=sent, headers=alice | {"Content-Type": "application/json"})
        assert refused.status_code == 422, refused.text
    assert api.post("/v1/messages", json={"text": "note \u0000"}, headers=alice).status_code == 422


def test_events_of_a_user_are_there_in_the_order_of_their_times(api: httpx.Client) -> None:
    """Who has seen one would never see another that has an earlier time and is committed later."""
    alice = new_user(api)
    owner = api.get("/v1/users/me", headers=alice).json()["id"]
    event = {"id": str(uuid.uuid4()), "payload": {}}
    stored: list[dict[str, Any]] = []
    post = threading.Thread(target=lambda: stored.append(api.post("/v1/events", json=event, headers=alice).json()))
    with psycopg.connect(os.environ["DATABASE_URL"]) as earlier:
        earlier.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (owner,))
        earlier.execute("INSERT INTO events (user_id, id, payload) VALUES (%s, %s, '{}')", (owner, uuid.uuid4()))
        post.start()
        post.join(1)
        assert stored == [], "it waits for the one before it"
    post.join()
    assert [found["id"] for found in api.get("/v1/events", headers=alice).json()][1:] == [stored[0]["id"]]


def test_long_poll_wakes_for_a_new_event_and_else_waits(api: httpx.Client) -> None:
    alice = new_user(api)
    first = api.post("/v1/events", json={"id": str(uuid.uuid4()), "payload": {}}, headers=alice).json()
    query = {"since": first["created_at"], "wait": 2}
    started = time.monotonic()
    assert api.get("/v1/events", params=query, headers=alice).json() == []
    assert 1.9 < time.monotonic() - started < 3
    second = {"id": str(uuid.uuid4()), "payload": {}}
    threading.Timer(0.5, lambda: api.post("/v1/events", json=second, headers=alice)).start()
    started = time.monotonic()
    got = api.get("/v1/events", params={**query, "wait": 30}, headers=alice).json()
    assert [event["id"] for event in got] == [second["id"]]
    assert time.monotonic() - started < 2


def test_many_long_polls_hold_no_connection(api: httpx.Client) -> None:
    alice = new_user(api)
    query = {"since": "2999-01-01T00:00:00+00:00", "wait": 3}
    polls = [threading.Thread(target=lambda: api.get("/v1/events", params=query, headers=alice)) for _ in range(20)]
    for poll in polls:
        poll.start()
    time.sleep(0.5)
    started = time.monotonic()
    assert api.get("/v1/tasks", headers=alice).status_code == 200
    assert time.monotonic() - started < 1, "20 polls wait, the pool has 5 connections"
    for poll in polls:
        poll.join()


def test_stream(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    url = stack.url("api", "/v1/stream").replace("http", "ws", 1)
    with pytest.raises(InvalidStatus):
        websocket(url)
    with websocket(url, additional_headers=alice) as socket:
        assert json.loads(socket.recv(5)) == {"type": "ready"}
        socket.send('{"hello": 1}')
        assert json.loads(socket.recv(5)) == {"hello": 1}
        event = {"id": str(uuid.uuid4()), "payload": {"n": 1}}
        api.post("/v1/events", json=event, headers=alice)
        pushed = json.loads(socket.recv(5))
        assert pushed["type"] == "event" and pushed["id"] == event["id"]
        socket.send("not json")
        assert json.loads(socket.recv(5))["type"] == "error"
        socket.send(json.dumps("x" * 100_000))
        with pytest.raises(ConnectionClosedError, match="1009"):
            socket.recv(5)


def test_a_stream_gets_what_is_more_than_a_page(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    owner = api.get("/v1/users/me", headers=alice).json()["id"]
    with websocket(stack.url("api", "/v1/stream").replace("http", "ws", 1), additional_headers=alice) as socket:
        assert json.loads(socket.recv(5)) == {"type": "ready"}
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute(
                "INSERT INTO events (user_id, id, payload) SELECT %s, gen_random_uuid(), '{}' "
                "FROM generate_series(1, 450)",
                (owner,),
            )
            connection.execute("SELECT pg_notify('assistant_events', %s)", (owner,))
        assert len({json.loads(socket.recv(5))["id"] for _ in range(450)}) == 450


def test_a_message_becomes_a_row_of_that_user_only(api: httpx.Client) -> None:
    alice, bob = new_user(api), new_user(api)
    answer = api.post("/v1/messages", json={"text": "remind me tomorrow to call Bob"}, headers=alice).json()
    assert "call Bob" in answer["reply"]
    assert job_done(api, alice, answer["job_id"])["state"] == "done"
    assert [r["text"] for r in api.get("/v1/reminders", headers=alice).json()] == ["call Bob"]
    assert api.get("/v1/reminders", headers=bob).json() == []
    assert api.get(f"/v1/jobs/{answer['job_id']}", headers=bob).status_code == 404
    task = api.post("/v1/messages", json={"text": "task: buy milk"}, headers=alice).json()
    job_done(api, alice, task["job_id"])
    assert [t["title"] for t in api.get("/v1/tasks", headers=alice).json()] == ["buy milk"]
    api.post("/v1/messages", json={"text": "note the door code is 1234"}, headers=alice)
    found = api.post("/v1/messages", json={"text": "what did I note about the door codes?"}, headers=alice).json()
    assert "1234" in found["reply"] and found["job_id"] is None
    assert (
        "nothing"
        in api.post("/v1/messages", json={"text": "what did I note about the door?"}, headers=bob).json()["reply"]
    )
    assert len(api.get("/v1/messages", headers=alice).json()) == 4


def test_a_repeated_message_is_answered_but_not_executed_again(api: httpx.Client) -> None:
    alice = new_user(api)
    message = {"id": str(uuid.uuid4()), "text": "task: once"}
    answers: list[dict[str, Any]] = []
    senders = [
        threading.Thread(target=lambda: answers.append(api.post("/v1/messages", json=message, headers=alice).json()))
        for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len({json.dumps(answer, sort_keys=True) for answer in answers}) == 1
    job_done(api, alice, answers[0]["job_id"])
    assert len(api.get("/v1/tasks", headers=alice).json()) == 1


def test_an_id_that_came_with_another_text_is_refused(api: httpx.Client) -> None:
    alice, message = new_user(api), {"id": str(uuid.uuid4()), "text": "note one"}
    assert api.post("/v1/messages", json=message, headers=alice).status_code == 200
    assert api.post("/v1/messages", json=message | {"text": "note two"}, headers=alice).status_code == 409


def test_a_due_reminder_is_marked(api: httpx.Client) -> None:
    alice = new_user(api)
    api.post("/v1/messages", json={"text": "remind me in 1 second to look up"}, headers=alice)

    def due() -> bool:
        return [r["state"] for r in api.get("/v1/reminders", headers=alice).json()] == ["due"]

    wait_for(due, 15)


def test_a_delayed_job_really_summarises(api: httpx.Client) -> None:
    alice = new_user(api)
    queued = api.post(
        "/v1/jobs", json={"kind": "summarise", "text": "One thing. Two things.", "delay": 1}, headers=alice
    )
    assert queued.status_code == 202
    job = job_done(api, alice, queued.json()["id"])
    assert job["result"]["words"] == 4 and job["attempts"] == 1
    assert api.post("/v1/jobs", json={"kind": "shell", "text": "x"}, headers=alice).status_code == 422


def test_a_job_delivered_twice_runs_once(api: httpx.Client, stack: Stack) -> None:
    from personal_assistant.config.settings import load
    from personal_assistant.workers.queue import celery_app, send

    alice = new_user(api)
    answer = api.post("/v1/messages", json={"text": "task: only one"}, headers=alice).json()
    app = celery_app(load("worker", stack.env))
    for _ in range(3):
        send(app, answer["job_id"], None)
    assert job_done(api, alice, answer["job_id"])["attempts"] == 1
    time.sleep(1)
    assert len(api.get("/v1/tasks", headers=alice).json()) == 1


def test_a_stopped_worker_finishes_its_job(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    job = api.post("/v1/jobs", json={"kind": "summarise", "text": "Slow.", "delay": 4}, headers=alice).json()
    wait_for(lambda: api.get(f"/v1/jobs/{job['id']}", headers=alice).json()["state"] == "running")
    assert stack.stop("worker") == 0
    assert api.get(f"/v1/jobs/{job['id']}", headers=alice).json()["state"] == "done"
    stack.start("worker")


def test_a_job_that_takes_too_long_fails(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    stack.stop("worker")
    stack.start("worker", WORKER_TASK_TIME_LIMIT="5")
    job = api.post("/v1/jobs", json={"kind": "summarise", "text": "Slow.", "delay": 20}, headers=alice).json()
    done = job_done(api, alice, job["id"])
    assert done["state"] == "failed" and "5 s" in done["error"]
    next_one = api.post("/v1/jobs", json={"kind": "summarise", "text": "Quick."}, headers=alice).json()
    assert job_done(api, alice, next_one["id"])["state"] == "done"
    scraped = httpx.get(stack.url("worker", "/metrics")).text
    assert 'assistant_jobs_finished_total{outcome="timed out"} 1.0' in scraped
    assert 'assistant_jobs_finished_total{outcome="done"} 1.0' in scraped
    stack.stop("worker")
    stack.start("worker")


def test_a_killed_workers_job_is_run_again(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    job = api.post("/v1/jobs", json={"kind": "summarise", "text": "Again.", "delay": 3}, headers=alice).json()
    wait_for(lambda: api.get(f"/v1/jobs/{job['id']}", headers=alice).json()["state"] == "running")
    process = stack.processes.pop("worker")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for pid in (process.pid, *map(int, children)):  # all at once, as when a container is killed
        os.kill(pid, signal.SIGKILL)
    process.wait()
    stack.start("worker")
    done = job_done(api, alice, job["id"], 50)
    assert (done["state"], done["attempts"]) == ("done", 2)


def test_a_stopped_api_finishes_a_slow_request(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    result: list[httpx.Response] = []
    query = {"since": "2999-01-01T00:00:00+00:00", "wait": 4}
    slow = threading.Thread(
        target=lambda: result.append(httpx.get(stack.url("api", "/v1/events"), params=query, headers=alice, timeout=30))
    )
    slow.start()
    time.sleep(1)
    stack.processes["api"].send_signal(signal.SIGTERM)
    slow.join()
    assert stack.processes.pop("api").wait(30) == 0
    assert result[0].status_code == 200 and result[0].json() == []
    stack.start("api")


def test_the_agent_is_internal(stack: Stack) -> None:
    body = {"user_id": str(uuid.uuid4()), "text": "hi"}
    url = stack.url("agent", "/v1/agent/messages")
    assert httpx.post(url, json=body).status_code == 401
    assert httpx.post(url, json=body, headers={"Authorization": "Bearer wrong"}).status_code == 401
    known = httpx.post(url, json=body, headers={"Authorization": f"Bearer {INTERNAL_TOKEN}"})
    assert known.status_code == 401 and "account" in known.json()["error"], "no such user"


def sms(stack: Stack, fields: dict[str, str], token: str = TWILIO_TOKEN) -> httpx.Response:
    signed = "https://assistant.example.com/sms" + "".join(k + v for k, v in sorted(fields.items()))
    signature = base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return httpx.post(stack.url("sms-router", "/sms"), content=urlencode(fields), headers=headers, timeout=20)


def test_sms(api: httpx.Client, stack: Stack) -> None:
    fields = {"MessageSid": f"SM{uuid.uuid4().hex}", "From": NUMBER, "Body": "task: call <Ann> & Bob"}
    assert sms(stack, fields).status_code == 404, "the number is known, its user not yet registered"
    owner = new_user(api, stack.email)
    assert sms(stack, fields, "wrong token").status_code == 403
    assert sms(stack, {**fields, "From": "+15559999999"}).status_code == 404
    assert api.get("/v1/messages", headers=owner).json() == [], "refused messages are not stored"
    first = sms(stack, fields)
    assert first.status_code == 200 and first.headers["content-type"] == "application/xml"
    assert "call <Ann> & Bob" in (ElementTree.fromstring(first.text).findtext("Message") or "")
    assert sms(stack, fields).text == first.text, "a repeated webhook gets the same reply"
    wait_for(lambda: api.get("/v1/tasks", headers=owner).json())
    time.sleep(1)
    assert len(api.get("/v1/tasks", headers=owner).json()) == 1
    assert api.get("/v1/messages", headers=owner).json()[0]["channel"] == "sms"


def test_sms_off_says_how_to_turn_it_on(stack: Stack) -> None:
    stack.stop("sms-router")
    stack.start("sms-router", TWILIO_AUTH_TOKEN_FILE="", TWILIO_USER_NUMBERS_FILE="")
    answer = httpx.post(stack.url("sms-router", "/sms"), data={"From": NUMBER})
    assert (
        answer.status_code == 503
        and answer.json()["error"] == "sms is off"
        and "pulumi config set" in answer.json()["fix"]
    )
    assert httpx.get(stack.url("sms-router", "/ready?scope=data")).status_code == 200
    stack.stop("sms-router")
    stack.start("sms-router")


def test_rate_limit(stack: Stack, api: httpx.Client) -> None:
    alice = new_user(api)
    stack.stop("api")
    stack.start("api", RATE_LIMIT_PER_MINUTE="5")
    if time.time() % 60 > 55:
        time.sleep(6)
    answers = [api.get("/v1/tasks", headers=alice) for _ in range(7)]
    assert [a.status_code for a in answers] == [200] * 5 + [429] * 2
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert api.get("/v1/version").status_code == 200, "another caller has its own count"
    stack.stop("api")
    stack.start("api")


def test_request_ids_reach_the_worker_and_logs_are_json(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    request_id = f"test-{uuid.uuid4().hex}"
    answer = api.post("/v1/messages", json={"text": "task: trace me"}, headers={**alice, "X-Request-Id": request_id})
    assert answer.headers["X-Request-Id"] == request_id
    job_done(api, alice, answer.json()["job_id"])
    for role in ("api", "agent", "worker"):
        entries = [json.loads(line) for line in stack.log(role)]
        assert any(entry.get("request_id") == request_id for entry in entries), role
    assert len(api.get("/v1/version", headers={"X-Request-Id": "bad id!"}).headers["X-Request-Id"]) == 32


def test_connections_killed_by_the_database_are_replaced(api: httpx.Client, stack: Stack) -> None:
    alice = new_user(api)
    with psycopg.connect((stack.directory / "database_url_file").read_text().strip(), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'assistant-api'")
    statuses = [api.get("/v1/tasks", headers=alice).status_code for _ in range(20)]
    assert statuses == [200] * 20


def test_migrations_go_down_and_up_again(stack: Stack) -> None:
    """On a schema of its own, so that the running roles keep theirs."""
    database_url = (stack.directory / "database_url_file").read_text().strip()
    schema = f"migration_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute(f"CREATE SCHEMA {schema}")
        separator = "&" if "?" in database_url else "?"
        path = stack.directory / "other_database"
        path.write_text(f"{database_url}{separator}options=-csearch_path%3D{schema}")
        try:
            refused = [stack.run("migrate", "--to", to, DATABASE_URL_FILE=str(path)) for to in ("head", "0001")][1]
            assert (
                refused.returncode == 1
                and f"berth:allowDestructiveMigrations {','.join(REVISIONS[1:])}" in refused.stdout + refused.stderr
            )
            admin.execute(f"DROP SCHEMA {schema} CASCADE; CREATE SCHEMA {schema}")
            moves_to = ("head", "head", "0001", "base", "head")
            outputs = [
                stack.run("migrate", "--to", to, DATABASE_URL_FILE=str(path), ALLOW_DESTRUCTIVE=",".join(REVISIONS))
                for to in moves_to
            ]
            assert [o.returncode for o in outputs] == [0] * 5, [o.stdout + o.stderr for o in outputs]
            moves = [
                line for o in outputs for line in o.stdout.splitlines() if "->" in line and not line.startswith("{")
            ]
            assert moves == [
                f"base -> {NEWEST}",
                f"{NEWEST} -> {NEWEST}",
                f"{NEWEST} -> 0001",
                "0001 -> base",
                f"base -> {NEWEST}",
            ]
            assert stack.run("migrate", "--to", "9999", DATABASE_URL_FILE=str(path)).returncode == 1
            admin.execute(f"UPDATE {schema}.alembic_version SET version_num = '9999'")
            newer = stack.run("migrate", DATABASE_URL_FILE=str(path))
            assert newer.returncode == 0 and "newer than this release" in newer.stdout
            named = stack.run("migrate", DATABASE_URL_FILE=str(path), SCHEMA_REVISION=NEWEST)
            assert named.returncode == 1 and "does not know" in named.stdout + named.stderr
        finally:
            admin.execute(f"DROP SCHEMA {schema} CASCADE")


def test_pa25_the_test_users_log_in_in_stage_with_the_password_that_is_set_and_are_never_made_in_prod(
    stack: Stack, api: httpx.Client
) -> None:
    def login(email: str, password: str) -> httpx.Response:
        return api.post("/v1/auth/login", json={"email": email, "password": password})

    def tasks(email: str, password: str) -> int:
        headers = {"Authorization": f"Bearer {login(email, password).json()['access_token']}"}
        return len(api.get("/v1/tasks", headers=headers).json())

    refused = stack.run("seed", APP_ENV="prod")
    assert refused.returncode == 1 and "not loaded in prod" in refused.stdout
    assert login("bob@example.com", SEED_PASSWORD).status_code == 401
    nothing = stack.run("seed", APP_ENV="stage", SEED_PASSWORD_FILE="")
    assert nothing.returncode == 2 and "SEED_PASSWORD_FILE: is missing" in nothing.stderr
    said = [stack.run("seed", APP_ENV="stage") for _ in range(2)]
    assert [run.returncode for run in said] == [0, 0]
    again = json.loads(said[1].stdout)
    assert (again["users"], again["tasks"], again["passwords"]) == (0, 0, 0), "seeding twice changes nothing"
    assert [tasks(email, SEED_PASSWORD) for email in ("alice@example.com", "bob@example.com")] == [3, 3]
    other = stack.directory / "other_seed_password"
    other.write_text("another password of theirs")
    assert stack.run("seed", APP_ENV="stage", SEED_PASSWORD_FILE=str(other)).returncode == 0
    assert login("bob@example.com", SEED_PASSWORD).status_code == 401
    assert tasks("bob@example.com", "another password of theirs") == 3


def test_a_due_reminder_is_sent_by_sms_once(api: httpx.Client, stack: Stack) -> None:
    url, received, stop = other_side({"sid": "SM1"})
    account_sid = stack.directory / "account_sid"
    account_sid.write_text("AC123")
    owner = new_user(api, stack.email)
    stack.stop("worker")
    stack.start(
        "worker", TWILIO_ACCOUNT_SID_FILE=str(account_sid), TWILIO_FROM_NUMBER="+15550001111", TWILIO_API_URL=url
    )
    api.post("/v1/messages", json={"text": "remind me in 1 second to look up"}, headers=owner)
    wait_for(lambda: [r["state"] for r in api.get("/v1/reminders", headers=owner).json()] == ["sent"], 20)
    assert [parse_qs(body) for body in received] == [
        {"To": [NUMBER], "From": ["+15550001111"], "Body": ["Reminder: look up"]}
    ]
    stop()
    stack.stop("worker")
    stack.start("worker")


def test_a_language_model_plans_and_the_rules_stand_in(api: httpx.Client, stack: Stack) -> None:
    plan = json.dumps({"action": "add_task", "args": {"title": "from the model"}})
    url, received, stop = other_side({"choices": [{"message": {"content": plan}}]})
    key = stack.directory / "llm_key"
    key.write_text("sk-test")
    alice = new_user(api)
    stack.stop("agent")
    stack.start("agent", LLM_API_KEY_FILE=str(key), LLM_BASE_URL=url)
    assert (
        "from the model"
        in api.post("/v1/messages", json={"text": "could you see to it?"}, headers=alice).json()["reply"]
    )
    assert "could you see to it?" in received[0]
    stop()
    stack.stop("agent")
    stack.start("agent", LLM_API_KEY_FILE=str(key), LLM_BASE_URL="http://127.0.0.1:1")
    assert "Noted" in api.post("/v1/messages", json={"text": "note the model is away"}, headers=alice).json()["reply"]
    stack.stop("agent")
    stack.start("agent")
