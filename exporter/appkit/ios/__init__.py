"""The app kit for iOS and macOS."""
