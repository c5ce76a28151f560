-- Hold back forward commands, and the deadline with them.
obj.spec.suspend = true
return obj
