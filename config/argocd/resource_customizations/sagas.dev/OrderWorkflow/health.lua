-- Health of an OrderWorkflow, as kstatus judges it: Stalled is Degraded, Ready is Healthy, everything else is Progressing.
-- Where exactly it stands is shown by its Saga, which has the same name. Conditions are there from the first moment on.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
end

local message = status.message or status.phase or "Pending"

if obj.metadata.deletionTimestamp then
  return { status = "Progressing", message = "Being deleted, after its saga: " .. message }
end
if status.observedGeneration and obj.metadata.generation and status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not seen the last change of the spec yet" }
end
if is("Stalled", "True") then
  return { status = "Degraded", message = message }
end
if is("Ready", "True") then
  return { status = "Healthy", message = message }
end
return { status = "Progressing", message = message }
