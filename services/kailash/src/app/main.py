"""What `python -m berth` serves: the one of the services that SERVICE names."""

import importlib

from berth import observe, tracing
from knowledge import logs
from knowledge.settings import SERVICES, load

logs.set_up()
settings = load(observe.service())
tracing.setup(
    settings.otel_endpoint,
    settings.otel_service_name,
    settings.version,
    settings.environment,
    # DataFlow's nodes use asyncpg.
    ("asyncpg", "httpx", "psycopg"),
)
if settings.debug_port:
    import debugpy

    debugpy.listen(("0.0.0.0", settings.debug_port))
app = importlib.import_module(SERVICES[settings.role]).build(settings)
