"""Decides what a message asks for. The rules are complete by themselves; a language model, where configured, is asked
first and the rules answer whenever it does not."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from berth.overload import step_aside
from berth.storable import moment, unstorable
from personal_assistant.config.settings import Settings

log = logging.getLogger("assistant.planner")

LLM_TIMEOUT = 10.0  # seconds


@dataclass(frozen=True)
class Plan:
    action: str
    args: dict[str, Any] = field(default_factory=dict)
    planner: str = "rules"


ACTIONS = ("add_task", "list_tasks", "add_reminder", "list_reminders", "note", "recall", "help")

_UNITS = {"second": 1, "sec": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_CLOCK = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>am|pm)?"
_IN = re.compile(r"\bin (?P<n>\d{1,4}|an?) (?P<unit>second|sec|minute|min|hour|day|week)s?\b", re.I)
_DAY = re.compile(rf"\b(?P<day>today|tonight|tomorrow)(?:\s+at\s+{_CLOCK})?\b", re.I)
_AT = re.compile(rf"\bat {_CLOCK}(?!\w)", re.I)


def find_time(text: str, now: datetime) -> tuple[datetime | None, str]:
    """The moment a text names (UTC) and the text without it; None if it names none or an impossible one."""
    if match := _IN.search(text):
        count = int(match["n"]) if match["n"].isdigit() else 1
        return now + timedelta(seconds=count * _UNITS[match["unit"].lower()]), _without(text, match)
    if match := _DAY.search(text):
        word = match["day"].lower()
        day = now + timedelta(days=1 if word == "tomorrow" else 0)
        if match["hour"] is None and (clock := _AT.search(text)):
            moment = _at_clock(day, clock)
            return moment, _without(_without(text, match), _AT.search(_without(text, match)) or match)
        if match["hour"] is not None:
            return _at_clock(day, match), _without(text, match)
        return day.replace(hour=20 if word == "tonight" else 9, minute=0, second=0, microsecond=0), _without(
            text, match
        )
    if match := _AT.search(text):
        moment = _at_clock(now, match)
        if moment and moment <= now:
            moment += timedelta(days=1)
        return moment, _without(text, match)
    return None, text


def _at_clock(day: datetime, match: re.Match[str]) -> datetime | None:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    if match["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    if hour > 23 or minute > 59:
        return None
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _without(text: str, match: re.Match[str]) -> str:
    return re.sub(r"\s{2,}", " ", text[: match.start()] + " " + text[match.end() :]).strip(" ,.")


def _reminder(match: re.Match[str], now: datetime) -> Plan:
    due, rest = find_time(match["rest"], now)
    what = re.sub(r"^(?:to|that|about)\s+", "", rest, flags=re.I).strip(" .")
    if due is None:
        return Plan("help", {"reason": "I did not understand when. Try: remind me tomorrow at 9 to call Bob"})
    return Plan("add_reminder", {"text": what or "reminder", "due_at": due.isoformat()})


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], datetime], Plan]], ...] = (
    (
        re.compile(
            r"^(?:what did i (?:note|say|write)|what do (?:i|you) (?:know|remember)|search|find|recall)"
            r"(?: (?:about|for|on))?\s*(?P<rest>.+)$",
            re.I | re.S,
        ),
        lambda m, _: Plan("recall", {"query": m["rest"].rstrip("?. ") or m["rest"]}),
    ),
    (re.compile(r"^remind me\s+(?P<rest>.+)$", re.I | re.S), _reminder),
    (
        re.compile(r"^(?:please )?(?:note|remember)(?: that)?\s*:?\s+(?P<rest>.+)$", re.I | re.S),
        lambda m, _: Plan("note", {"text": m["rest"].strip()}),
    ),
    (
        re.compile(r"^(?:(?:what are|list|show)(?: me)? )?(?:my )?reminders[?.]*$", re.I),
        lambda _m, _n: Plan("list_reminders"),
    ),
    (
        re.compile(r"^(?:(?:what are|list|show)(?: me)? )?(?:my )?(?:open )?(?:tasks|todos|to-?do list)[?.]*$", re.I),
        lambda _m, _n: Plan("list_tasks"),
    ),
    (
        re.compile(r"^(?:(?:add|create|new)(?: an?)? )?(?:task|todo|to-do)\s*:?\s+(?:to )?(?P<rest>.+)$", re.I | re.S),
        lambda m, _: Plan("add_task", {"title": m["rest"].strip(" .")}),
    ),
)


def plan(text: str, now: datetime | None = None) -> Plan:
    now = now or datetime.now(UTC)
    cleaned = text.strip()
    for pattern, build in _RULES:
        if match := pattern.match(cleaned):
            return build(match, now)
    return Plan("help", {})


_PROMPT = (
    'You route messages of a personal assistant. Answer with one JSON object {"action": ..., "args": {...}} and '
    'nothing else. Actions: add_task {"title"}, list_tasks {}, add_reminder {"text","due_at": ISO 8601 with offset}, '
    'list_reminders {}, note {"text"}, recall {"query"}, help {}. The time now is NOW.'
)
_ARGUMENTS = {"add_task": ("title",), "add_reminder": ("text", "due_at"), "note": ("text",), "recall": ("query",)}


def parse_llm(content: str) -> Plan | None:
    """None for anything that is not exactly a known action with its arguments: a model's word is not trusted."""
    try:
        answer = json.loads(content)
        action, args = answer["action"], answer.get("args") or {}
        names = _ARGUMENTS.get(action, ())
        clean = {name: args[name].strip()[:2000] for name in names}
        if action not in ACTIONS or not all(clean.values()) or unstorable(clean):
            return None
        if "due_at" in clean:
            clean["due_at"] = moment(datetime.fromisoformat(clean["due_at"])).isoformat()
        return Plan(action, clean, "llm")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


async def plan_with_llm(text: str, settings: Settings, http: httpx.AsyncClient) -> Plan:
    now = datetime.now(UTC)
    if not settings.llm_api_key:
        return plan(text, now)
    step_aside()
    try:
        # As a whole: the client's own times are for each part of an answer, which may come byte by byte.
        async with asyncio.timeout(LLM_TIMEOUT):
            response = await http.post(
                f"{settings.llm_base_url}/chat/completions",
                headers={"Authorization": f"Bearer {settings.llm_api_key}"},
                json={
                    "model": settings.llm_model,
                    "temperature": 0,
                    "messages": [
                        {"role": "system", "content": _PROMPT.replace("NOW", now.isoformat())},
                        {"role": "user", "content": text},
                    ],
                },
            )
        response.raise_for_status()
        answer = parse_llm(response.json()["choices"][0]["message"]["content"])
        if answer:
            return answer
        log.warning("the language model's answer was not a plan; using the rules")
    except (httpx.HTTPError, TimeoutError, ValueError, KeyError, IndexError, TypeError) as error:
        log.warning("the language model did not answer (%s); using the rules", type(error).__name__)
    return plan(text, now)
