"""Modules made of modules: Sequential, ModuleList, ModuleDict; and the same for parameters."""
