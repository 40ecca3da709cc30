"""Jobs: a document in the database is the truth, a message in Redis only the signal to look at it. A signal that is
lost, or cannot be sent, is sent again by the job `requeue`: a sample that was accepted is analysed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from berth import queue, request_id
from samplemind.settings import Settings

if TYPE_CHECKING:
    from celery import Celery

QUEUE = "samplemind"
UPKEEP = "samplemind.upkeep"  # a queue of its own: it must not wait behind all analyses

ANALYSE = "samplemind.analyse"
REQUEUE = "samplemind.requeue"
STATISTICS = "samplemind.statistics"
CLEAN_UP = "samplemind.clean_up"

SEND_TIMEOUT = 4.0


async def announce(settings: Settings, sample: str) -> bool:
    """After the sample is stored. Never fails and never takes long; whether it was sent."""
    return await queue.signal(lambda: send(settings, sample), SEND_TIMEOUT, sample=sample)


def send(settings: Settings, sample: str) -> None:
    celery_app(settings).send_task(
        ANALYSE,
        args=(sample,),
        queue=QUEUE,
        headers=request_id.headers(),
        retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
    )


@cache
def celery_app(settings: Settings) -> Celery:
    from celery import Celery  # 0.2 s: only a process that queues or runs jobs pays for it
    from celery.schedules import crontab

    app = Celery("samplemind", broker=settings.redis_url)
    every = {
        "requeue": (REQUEUE, max(5, settings.requeue_after / 2)),
        "statistics": (STATISTICS, settings.statistics_every),
        "clean-up": (CLEAN_UP, crontab(hour="3", minute="17")),
    }
    app.conf.update(
        queue.settings(QUEUE, settings.task_time_limit),
        task_soft_time_limit=settings.task_soft_time_limit,
        # Results are in the database; they are kept in Redis as well only where somebody wants to look at them there.
        task_ignore_result=settings.result_expires == 0,
        result_backend=settings.redis_url if settings.result_expires else None,
        result_expires=settings.result_expires or None,
        worker_prefetch_multiplier=settings.prefetch_multiplier,
        worker_max_tasks_per_child=settings.max_tasks_per_child,
        # Without these Flower shows nothing.
        worker_send_task_events=True,
        task_send_sent_event=True,
        beat_max_loop_interval=5,
        beat_sync_every=1,
        beat_schedule={
            name: {
                "task": task,
                "schedule": schedule,
                # One that is not begun before the next one comes is not needed any more.
                "options": {"queue": UPKEEP} | ({} if isinstance(schedule, crontab) else {"expires": schedule}),
            }
            for name, (task, schedule) in every.items()
        },
    )
    return app
