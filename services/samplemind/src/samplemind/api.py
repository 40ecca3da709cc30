"""The backend's HTTP interface, below /api. docs/systems/samplemind.md has it in words."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import logging
import re
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from berth import tracing
from berth.chroma import Chroma
from berth.mongo import Mongo
from berth.overload import step_aside
from berth.problems import Problem, plain
from berth.redis import Redis
from berth.service import create
from berth.storable import STORABLE
from samplemind import metrics, names, sniff, uploads, waveform
from samplemind.auth import COOKIE, HEADER, HEADER_VALUE, LogInLimit, Sessions, Users, issue, verify
from samplemind.jobs import queue
from samplemind.samples import VECTORS, Document, Samples, shown
from samplemind.settings import Settings

log = logging.getLogger("samplemind.api")

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
KEY = re.compile(r"[A-Za-z0-9._-]{8,128}")
LONGEST_BODY = 65_536  # bytes, but of an upload


@dataclass
class Has:
    """What the requests of a process share."""

    settings: Settings
    samples: Samples
    chroma: Chroma
    users: Users
    sessions: Sessions
    log_ins: LogInLimit


def has(request: Request) -> Has:
    shared: Has = request.app.state.has
    return shared


Shared = Annotated[Has, Depends(has)]
open_routes = APIRouter(prefix="/api")


# Who calls


@dataclass(frozen=True)
class Caller:
    email: str
    token_id: str


async def caller(request: Request, shared: Shared) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    by_cookie = scheme.lower() != "bearer"
    claims = verify(request.cookies.get(COOKIE, "") if by_cookie else token.strip(), shared.settings.session_keys)
    if claims is None or not shared.users.known(claims["sub"]) or await shared.sessions.ended(claims["jti"]):
        raise Problem(401, "not_logged_in", "log in first")
    if by_cookie and request.method not in SAFE and request.headers.get(HEADER) != HEADER_VALUE:
        raise Problem(403, "no_header", f"a change by cookie needs the header X-Requested-With: {HEADER_VALUE}")
    return Caller(claims["sub"], claims["jti"])


CurrentUser = Annotated[Caller, Depends(caller)]
routes = APIRouter(prefix="/api", dependencies=[Depends(caller)])


def client_address(request: Request) -> str:
    """What the edge saw. Only the last entry was written by our own proxy, and only where the peer is a private one."""
    peer = request.client.host if request.client else "unknown"
    with suppress(ValueError):
        if ipaddress.ip_address(peer).is_private and (forwarded := request.headers.get("x-forwarded-for")):
            return str(ipaddress.ip_address(forwarded.rsplit(",", 1)[-1].strip()))
    return peer


class Credentials(BaseModel):
    email: str = Field(max_length=254)
    password: str = Field(min_length=1, max_length=200)


@open_routes.post("/auth/login")
async def log_in(body: Credentials, request: Request, shared: Shared) -> JSONResponse:
    if wait := await shared.log_ins.wait(body.email, client_address(request)):
        metrics.LOGINS.labels("limited").inc()
        raise Problem(429, "too_many_log_ins", "too many log-ins, try again later", wait)
    email = await shared.users.log_in(body.email, body.password)
    if email is None:
        metrics.LOGINS.labels("refused").inc()
        raise Problem(401, "invalid_login", "wrong e-mail or password")
    metrics.LOGINS.labels("accepted").inc()
    settings = shared.settings
    token = issue(email, settings.session_keys, settings.session_ttl)
    answer = JSONResponse({"token": token, "user": {"email": email}}, headers={"Cache-Control": "no-store"})
    answer.set_cookie(
        COOKIE,
        token,
        max_age=settings.session_ttl,
        path="/api",
        httponly=True,
        samesite="strict",
        secure=settings.cookie_secure or request.headers.get("x-forwarded-proto") == "https",
    )
    return answer


@routes.post("/auth/logout", status_code=204)
async def log_out(user: CurrentUser, shared: Shared) -> Response:
    await shared.sessions.end(user.token_id)
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path="/api", httponly=True, samesite="strict")
    return answer


@routes.get("/auth/me")
async def me(user: CurrentUser) -> dict[str, Any]:
    return {"user": {"email": user.email}}


# Uploads


@routes.post("/samples", status_code=202)
async def upload(request: Request, user: CurrentUser, shared: Shared, name: str = "") -> Document:
    """The body is the file: it goes to the disk as it comes."""
    # What follows waits for the caller's line, and later for the disk: others may begin meanwhile.
    step_aside()
    try:
        with metrics.UPLOADING.track_inprogress():
            sample, repeated = await _upload(request, user, shared, name)
    except Problem:
        metrics.UPLOADS.labels("refused").inc()
        raise
    except BaseException:
        metrics.UPLOADS.labels("broken off").inc()
        raise
    metrics.UPLOADS.labels("repeated" if repeated else "stored").inc()
    return shown(sample)


async def _upload(request: Request, user: Caller, shared: Has, raw_name: str) -> tuple[Document, bool]:
    settings, samples = shared.settings, shared.samples
    name = names.display(raw_name)
    if not name:
        raise Problem(422, "bad_name", "?name= needs a file name with at least one character that can be shown")
    length = request.headers.get("content-length")
    declared = int(length) if length and length.isdecimal() else None
    await asyncio.to_thread(uploads.admit, declared, settings.samples_dir, settings.max_upload)
    sample = names.new_id()
    key = request.headers.get("idempotency-key")
    if key is not None:
        if not KEY.fullmatch(key):
            raise Problem(422, "bad_key", "Idempotency-Key needs 8 to 128 letters, digits, dots, dashes")
        # Of this user: whoever guesses the key of another one must not get that one's sample.
        sample = await samples.remember(hashlib.sha256(f"{user.email}\n{key}".encode()).hexdigest(), sample)
        if found := await samples.get(sample):
            if found["name"] != name or declared not in (None, found["size"]):
                raise uploads.key_used()
            return found, True
    size, kind = await uploads.store(
        _body(request), settings.samples_dir / sample, settings.max_upload, settings.upload_timeout
    )
    # Where this fails, the file is nobody's, and the clean-up removes it: whether the database has the document
    # nevertheless cannot be known, and a repetition with the same key finds out.
    stored = await samples.add(sample, name, size, kind, user.email)
    metrics.UPLOAD_BYTES.inc(size)
    sent = await queue.announce(settings, sample)
    metrics.JOBS_QUEUED.labels("sent" if sent else "deferred").inc()
    return stored, False


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk


# The library


async def _sample(id: str, shared: Has) -> Document:
    found = await shared.samples.get(id) if names.ID.fullmatch(id) else None
    if found is None:
        raise Problem(404, "not_found", "there is no such sample")
    return found


@routes.get("/samples")
async def search(
    shared: Shared,
    q: Annotated[str, Query(max_length=200), STORABLE] = "",
    key: Annotated[str, Query(max_length=20)] = "",
    tempo_min: Annotated[float | None, Query(ge=0, le=1000)] = None,
    tempo_max: Annotated[float | None, Query(ge=0, le=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    before: Annotated[str, Query(pattern=r"^[0-9a-f]{32}$|^$")] = "",
) -> dict[str, Any]:
    found = await shared.samples.search(limit + 1, q.strip(), key, (tempo_min, tempo_max), before)
    page = found[:limit]
    return {"items": [shown(d) for d in page], "next": page[-1]["_id"] if len(found) > limit else None}


@routes.get("/samples/{id}")
async def one(id: str, shared: Shared) -> Document:
    return shown(await _sample(id, shared))


@routes.delete("/samples/{id}", status_code=204)
async def delete(id: str, shared: Shared) -> Response:
    """The document decides; what is left of a sample without one, the clean-up removes."""
    if not names.ID.fullmatch(id) or not await shared.samples.delete(id):
        raise Problem(404, "not_found", "there is no such sample")
    path = shared.settings.samples_dir / id
    await asyncio.to_thread(path.unlink, missing_ok=True)
    try:
        await shared.chroma.delete([id])
    except Chroma.away as error:
        log.warning("a vector stays until the clean-up: %s", type(error).__name__, extra={"sample": id})
    return Response(status_code=204)


@routes.get("/samples/{id}/audio")
async def audio(id: str, shared: Shared) -> Response:
    document = await _sample(id, shared)
    path: Path = shared.settings.samples_dir / id
    try:
        stat = await asyncio.to_thread(path.stat)
    except FileNotFoundError:
        raise Problem(404, "no_file", "the file of this sample is gone") from None
    return FileResponse(
        path,
        media_type=sniff.MEDIA[document["type"]],
        filename=document["name"],
        content_disposition_type="inline",
        stat_result=stat,
        headers={"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"},
    )


@routes.get("/samples/{id}/waveform")
async def picture(id: str, shared: Shared) -> Response:
    peaks = (await _sample(id, shared)).get("peaks")
    if not peaks:
        raise Problem(404, "not_ready", "the sample has no picture yet")
    return Response(
        waveform.svg(peaks), media_type="image/svg+xml", headers={"Cache-Control": "private, max-age=86400"}
    )


@routes.get("/samples/{id}/similar")
async def similar(
    id: str, shared: Shared, limit: Annotated[int, Query(ge=1, le=50)] = 10
) -> dict[str, list[dict[str, Any]]]:
    document = await _sample(id, shared)
    if document["state"] != "ready":
        raise Problem(409, "not_ready", f"the sample is {document['state']}")
    # One more is itself; some may have been deleted since.
    near = [
        (other, distance) for other, distance in await shared.chroma.near(document["vector"], limit + 10) if other != id
    ]
    found = await shared.samples.many(other for other, _ in near)
    items = [
        {"sample": shown(found[other]), "distance": round(max(0.0, distance), 4)}
        for other, distance in near
        if other in found
    ]
    return {"items": items[:limit]}


@routes.get("/statistics")
async def statistics(shared: Shared) -> Document:
    return await shared.samples.statistics()


@routes.get("/settings")
async def settings(shared: Shared) -> dict[str, Any]:
    return {
        "max_upload_mb": shared.settings.max_upload // 1_000_000,
        "descriptions": shared.settings.descriptions,
    }


def build(settings: Settings, stores: tuple[Mongo, Chroma, Redis] | None = None) -> FastAPI:
    settings.trace("celery", "httpx", "pymongo")  # first: a client of MongoDB tells those who were there before it
    mongo, chroma, redis = stores or (Mongo(settings.mongo_database), Chroma(VECTORS), Redis())
    app = create(
        mongo,
        optional=(chroma, redis),
        problem=plain,
        longest_body=LONGEST_BODY,
        streamed=f"{routes.prefix}/samples",
    )
    tracing.instrument(app)
    app.state.has = Has(
        settings,
        Samples(mongo.database),
        chroma,
        Users(settings.users),
        Sessions(redis.client, settings.session_ttl),
        LogInLimit(redis.client, settings.logins_per_minute),
    )
    metrics.RELEASE.labels(settings.version).set(1)

    @app.exception_handler(Problem)
    async def refused(_: Request, error: Problem) -> JSONResponse:
        return error.answer()

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        # The framework's own answer repeats the input, which may be a password.
        text = "; ".join(f"{'.'.join(map(str, e['loc'][1:]))}: {e['msg']}" for e in error.errors())
        return Problem(422, "invalid", text).answer()

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, error: ClientDisconnect) -> JSONResponse:
        return Problem(499, "gone", "the caller is gone").answer()

    # The first upload must not wait for its import.
    threading.Thread(target=queue.celery_app, args=(settings,), daemon=True).start()
    app.include_router(open_routes)
    app.include_router(routes)
    for feature, fix in settings.features_off().items():
        log.info("%s: off", feature, extra={"fix": fix})
    return app
