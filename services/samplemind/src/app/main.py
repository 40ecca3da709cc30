"""What `python -m berth` serves: the backend, with its settings from the environment."""

from samplemind.api import build
from samplemind.settings import load

app = build(load("backend"))
