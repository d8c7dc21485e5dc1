"""The app kit for browsers and Node."""
