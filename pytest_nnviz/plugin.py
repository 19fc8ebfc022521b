"""pytest hooks, options and fixtures of pytest-nnviz. PYTEST_DONT_REWRITE"""
