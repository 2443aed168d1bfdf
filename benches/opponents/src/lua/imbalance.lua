-- The shipped `imbalance`.
local C = ...
local desk, facts, write, tonumber = C.desk, C.facts, C.write, tonumber
local imbalance_of, is_open, signal, qty_for = C.imbalance, C.is_open, C.signal, C.qty_for
local place, protect, after, flatten = C.place, C.protect, C.after, C.flatten
local LEVELS, ENTER, SMOOTH, SPREAD, TAKE, STOP, HOLD, SIZE = 5, 0.4, 0.2, 2, 300, 200, 1500, 250.0
local IOC = 2
local CODES = { [14] = "OPEN_COUNT" }
local imbalance, entry = 0.0, 0

local function on_book()
    imbalance = imbalance + SMOOTH * (imbalance_of(desk, LEVELS) - imbalance)
    local f = facts(desk)
    if not f.is_flat or is_open(desk, entry) or tonumber(f.spread_ticks) > SPREAD then return end
    if f.mid <= 0.0 then return end
    if imbalance > ENTER then
        signal(desk, 1, imbalance, "bid heavy", 9)
        entry = place(desk, 1, qty_for(desk, SIZE), f.ask, IOC, "bid heavy", 9)
    elseif imbalance < -ENTER and f.can_short then
        signal(desk, -1, -imbalance, "ask heavy", 9)
        entry = place(desk, -1, qty_for(desk, SIZE), f.bid, IOC, "ask heavy", 9)
    end
    if entry < 0 then
        local words = "denied " .. CODES[-entry]
        write(desk, false, words, #words, 0.0)
        entry = 0
    end
end

-- `side` is 0 of a fill that does not open.
local function on_fill(side, price)
    if side ~= 0 then
        local tick = facts(desk).tick
        protect(desk, price - side * STOP * tick, price + side * TAKE * tick, "ticks", 5)
        after(desk, HOLD, "hold", 4)
    end
end

local function on_timer()
    if not facts(desk).is_flat then flatten(desk, "held long enough", 16) end
end

local function restart() imbalance, entry = 0.0, 0 end

return { on_book = on_book, on_fill = on_fill, on_timer = on_timer, restart = restart }
