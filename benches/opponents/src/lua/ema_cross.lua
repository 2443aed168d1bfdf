-- The shipped `ema_cross`.
local C = ...
local desk, facts, view, write = C.desk, C.facts, C.view, C.write
local signal, qty_for, place, flatten = C.signal, C.qty_for, C.place, C.flatten
local fast, slow = C.new_view(), C.new_view()
local NOTIONAL = 250.0

local function on_bar(close)
    view(desk, 0, 0, fast)
    view(desk, 1, 0, slow)
    local fast_value, slow_value = fast.value, slow.value
    write(desk, true, "fast", 4, fast_value)
    write(desk, true, "slow", 4, slow_value)
    local f = facts(desk)
    if f.is_flat then
        if fast.is_warm and slow.is_warm and fast.prev <= slow.prev and fast_value > slow_value
            and f.working_buy == 0.0 then
            signal(desk, 1, (fast_value - slow_value) / close, "fast above slow", 15)
            place(desk, 1, qty_for(desk, NOTIONAL), 0.0, 0, "fast above slow", 15)
        end
    elseif fast.is_warm and slow.is_warm and fast.prev >= slow.prev and fast_value < slow_value then
        flatten(desk, "fast below slow", 15)
    end
end

return { on_bar = on_bar, restart = function() end }
