"""What a user runs: each file is a program, written once against PyTorch's API, for either backend."""
