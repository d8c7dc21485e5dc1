"""Running a saved model on another processor's kernels, which qemu's user mode emulates."""
