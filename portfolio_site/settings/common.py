"""The frame: all concerns together, in the order in which they may override each other."""

from . import environment
from .api import *  # noqa: F403
from .auth import *  # noqa: F403
from .base import *  # noqa: F403
from .base import STORAGES
from .brokers import *  # noqa: F403
from .gateway import *  # noqa: F403
from .jobs import *  # noqa: F403
from .logs import *  # noqa: F403
from .prices import *  # noqa: F403
from .security import *  # noqa: F403
from .storage import PRIVATE_STORAGE

STORAGES["private"] = PRIVATE_STORAGE
S3_PUBLIC_URL = environment.S3_PUBLIC_URL
