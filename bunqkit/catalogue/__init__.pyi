from .operations import operation as operation, type_named as type_named
