"""The app kit for Android."""
