-- Health of a Saga, as kstatus judges it: Stalled is Degraded, Ready is Healthy, a saga that is held back is Suspended,
-- everything else is Progressing. Conditions are there from the first moment on, by the schema's default.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function is(kind, value)
  return conditions[kind] ~= nil and conditions[kind].status == value
end

local function progressing(message)
  return { status = "Progressing", message = message }
end

-- where the saga stands, in words: "Running 1/4, waiting for payment.charge (charge-payment), attempt 1"
local function stands()
  local words = status.phase or "Pending"
  if status.progress then
    words = words .. " " .. status.progress
  end
  if status.waitingFor then
    words = words .. ", waiting for " .. status.waitingFor
  end
  return words
end

if obj.metadata.deletionTimestamp then
  return progressing("Being deleted: " .. stands())
end
if status.observedGeneration and obj.metadata.generation and status.observedGeneration ~= obj.metadata.generation then
  return progressing("The operator has not seen the last change of the spec yet")
end
if is("Stalled", "True") then
  return { status = "Degraded", message = conditions.Stalled.reason .. ": " .. conditions.Stalled.message }
end
if is("Ready", "True") then
  return { status = "Healthy", message = conditions.Ready.message }
end
if is("Compensating", "True") then
  return progressing(stands() .. "; " .. conditions.Compensating.reason .. ": " .. conditions.Compensating.message)
end
if is("Suspended", "True") then
  return { status = "Suspended", message = stands() .. "; spec.suspend holds forward commands back" }
end
for _, kind in ipairs({ "Accepted", "Compensating" }) do
  local condition = conditions[kind]
  if condition and condition.status == "False" and condition.reason ~= "NotNeeded" then
    return progressing(stands() .. "; " .. condition.reason .. ": " .. condition.message)
  end
end
return progressing(stands())
