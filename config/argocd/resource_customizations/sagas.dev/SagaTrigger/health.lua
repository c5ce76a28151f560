-- Health of a SagaTrigger, as kstatus judges it: Stalled is Degraded, Ready is Healthy, everything else is Progressing.
-- One that is suspended on purpose is Suspended. What passes by itself is Progressing: a missing topic, a quota, maxActive.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
end

local message = "The operator has not looked at it yet"
if conditions.Ready then
  message = conditions.Ready.reason .. ": " .. conditions.Ready.message
end

if obj.metadata.deletionTimestamp then
  return { status = "Progressing", message = "Being deleted; " .. message }
end
if status.observedGeneration and obj.metadata.generation and status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "The operator has not seen the last change of the spec yet" }
end
if is("Stalled", "True") then
  return { status = "Degraded", message = conditions.Stalled.reason .. ": " .. conditions.Stalled.message }
end
if conditions.Ready and conditions.Ready.reason == "Suspended" then
  return { status = "Suspended", message = message }
end
if is("Ready", "True") then
  return { status = "Healthy", message = message }
end
return { status = "Progressing", message = message }
