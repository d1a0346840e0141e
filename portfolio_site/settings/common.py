"""The frame: all concerns together, in the order in which they may override each other."""

from .api import *  # noqa: F403
from .base import *  # noqa: F403
from .base import STORAGES
from .jobs import *  # noqa: F403
from .logs import *  # noqa: F403
from .security import *  # noqa: F403
from .storage import PRIVATE_STORAGE
from .auth import *  # noqa: F403,I001

STORAGES["private"] = PRIVATE_STORAGE
