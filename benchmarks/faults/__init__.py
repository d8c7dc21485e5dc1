"""Single faults planted in saved bundles, hashes and seal made anew: `verify` must name each that matters."""
