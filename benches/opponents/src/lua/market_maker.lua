-- The shipped `market_maker`.
local C = ...
local desk, facts, view, write, max = C.desk, C.facts, C.view, C.write, math.max
local qty_for, quote = C.qty_for, C.quote
local vol = C.new_view()
local SIZE, FULL, HALF, LEAN, KEEP = 50.0, 250.0, 3.0, 4.0, 3

local function on_timer()
    local f = facts(desk)
    view(desk, 0, 0, vol)
    local load = f.exposure / FULL
    local fair = f.microprice * (1.0 - load * LEAN * 1e-4)
    local half = f.mid * max(HALF * 1e-4, 2.0 * vol.value)
    local qty = qty_for(desk, SIZE)
    quote(desk, 1, fair - half, load < 1.0 and qty or 0.0, KEEP)
    quote(desk, -1, fair + half, load > -1.0 and qty or 0.0, KEEP)
    write(desk, true, "load", 4, load)
end

return { on_timer = on_timer, restart = function() end }
