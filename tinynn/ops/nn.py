"""The derivative table, fused rows for networks: losses and activations that are one operation in torch too."""
