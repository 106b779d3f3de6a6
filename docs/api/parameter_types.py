"""For the API pages: each of several parameters described together has its own type and default.

Griffe gives all names of a line such as ``calculator, toys, seed`` the type and the default of the first.
"""

import griffe


class ParameterTypes(griffe.Extension):
    """Take types and defaults of documented parameters from the signature."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Correct the docstring of a class or a function."""
        if obj.docstring is None or not isinstance(obj, griffe.Class | griffe.Function):
            return
        for section in obj.docstring.parsed:
            if section.kind is griffe.DocstringSectionKind.parameters:
                for each in section.value:
                    if each.name in obj.parameters:
                        actual = obj.parameters[each.name]
                        each.annotation, each.value = actual.annotation, actual.default
