"""Where dispatchers from elsewhere land: one module a request type, on any folder `homeftp/plugins` of `sys.path`.

Nothing of ours is here. A package that adds a request type ships
`homeftp/plugins/NAME.py` without an `__init__.py`; docs/plugins tells how.
"""

from twisted.plugin import pluginPackagePaths

__path__.extend(pluginPackagePaths(__name__))
__all__: list[str] = []
