"""Records below some folders → one page, Markdown and JUnit XML."""
