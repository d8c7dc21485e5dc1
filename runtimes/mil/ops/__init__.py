"""The operations of ML programs, in numpy; `registry` lists them."""
