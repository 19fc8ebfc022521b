"""The page in a real browser: `tox -e browser`. Plain `pytest` passes it by: it has no Playwright."""
