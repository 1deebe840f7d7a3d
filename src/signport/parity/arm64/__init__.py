"""Target `arm64`: the aarch64 runtimes under qemu, in an unprivileged root of packages."""
