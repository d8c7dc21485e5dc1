"""bertport beside other exporters and runtimes, each in its own environment."""
