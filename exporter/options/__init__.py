"""The options that several commands share, as argparse declares and reads them."""
