"""Bodies of requests (TypedDicts) and responses (models), as the spec names them.

This is their one public place. The list itself is generated, so it is not repeated here.
"""

from ._generated.models import *  # noqa: F403
from ._generated.models import __all__ as __all__
