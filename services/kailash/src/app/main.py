"""What `python -m berth` serves: the one of the services that SERVICE names."""

import importlib
import os

from berth import observe
from knowledge.settings import SERVICES, load

# Before any SDK is imported: what it finds already set up, it leaves so.
observe.set_up_logs(os.environ.get("LOG_LEVEL", "INFO"))
settings = load(observe.service())
app = importlib.import_module(SERVICES[settings.role]).build(settings)
