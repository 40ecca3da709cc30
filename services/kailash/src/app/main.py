"""What `python -m berth` serves: the one of the services that SERVICE names."""

import importlib

from berth import observe
from knowledge import logs
from knowledge.settings import SERVICES, load

logs.set_up()
settings = load(observe.service())
app = importlib.import_module(SERVICES[settings.role]).build(settings)
