"""The platforms of `bertport app-kit`: one line each."""

from exporter.appkit.android.emit import PLATFORM as ANDROID
from exporter.appkit.ios.emit import PLATFORM as IOS
from exporter.appkit.platform import Platform
from exporter.appkit.web.emit import PLATFORM as WEB
from runtimes.errors import UsageError

PLATFORMS: dict[str, Platform] = {platform.name: platform for platform in (IOS, WEB, ANDROID)}
"""By name, in the order in which they are offered."""


def find_platform(name: str) -> Platform:
    """The platform of that name. Raises UsageError with those there are."""
    if name not in PLATFORMS:
        raise UsageError(f"--platform {name}: not known; known: {', '.join(PLATFORMS)}")
    return PLATFORMS[name]
