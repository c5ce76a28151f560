-- What can be asked of a Saga in the user interface. What does not fit the moment is shown and disabled.
local final = { Completed = true, Compensated = true, Rejected = true }
local phase = (obj.status or {}).phase
local ended = phase ~= nil and final[phase] == true
local back = phase == "Compensating" or phase == "NeedsIntervention"
local spec = obj.spec or {}

return {
  ["abort"] = { ["disabled"] = ended or spec.abort == true },
  ["suspend"] = { ["disabled"] = ended or back or spec.suspend == true },
  ["resume"] = { ["disabled"] = ended or spec.suspend ~= true },
}
