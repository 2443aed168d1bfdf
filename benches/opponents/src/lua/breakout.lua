-- The shipped `breakout`.
local C = ...
local desk, facts, view = C.desk, C.facts, C.view
local qty_for, target_position, flatten = C.qty_for, C.target_position, C.flatten
local upper, lower, atr, adx, far = C.new_view(), C.new_view(), C.new_view(), C.new_view(), C.new_view()
local STRENGTH, RANGE_BPS, NOTIONAL = 20.0, 5.0, 250.0

local function on_bar(close)
    view(desk, 0, 1, upper)
    view(desk, 1, 2, lower)
    view(desk, 2, 0, atr)
    view(desk, 3, 0, adx)
    if not upper.is_warm or not lower.is_warm or not atr.is_warm or not adx.is_warm then return end
    local f = facts(desk)
    if f.is_flat then
        if not (adx.value >= STRENGTH and atr.value / close * 1e4 >= RANGE_BPS) then return end
        if close > upper.prev then
            target_position(desk, qty_for(desk, NOTIONAL), "above the channel", 17)
        else
            view(desk, 0, 2, far)
            if close < far.prev and f.can_short then
                target_position(desk, -qty_for(desk, NOTIONAL), "below the channel", 17)
            end
        end
        return
    end
    local position = f.position
    if position > 0.0 and close < lower.prev then flatten(desk, "below the exit channel", 22) end
    if position < 0.0 then
        view(desk, 1, 1, far)
        if close > far.prev then flatten(desk, "above the exit channel", 22) end
    end
end

return { on_bar = on_bar, restart = function() end }
