-- Let forward commands leave again.
obj.spec.suspend = false
return obj
