-- Undo the saga, unless it is beyond its point of no return. It cannot be taken back.
obj.spec.abort = true
return obj
