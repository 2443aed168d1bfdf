-- Takes the desk's functions (type and address each) and its address; returns what scripts hold in upvalues.
local functions, desk = ...
local ffi = require "ffi"
ffi.cdef [[
typedef struct {
    double bid, ask, bid_qty, ask_qty, mid, microprice, spread;
    int64_t spread_ticks;
    double tick, step, min_notional;
    int64_t now_ns;
    double position, avg_price, exposure, working_buy, working_sell, budget, equity, unrealized;
    bool stale, is_flat, can_short;
    uint8_t regime;
} Facts;
typedef struct { double value, prev; bool is_warm; } View;
]]
local all = { desk = ffi.cast("void *", desk) }
for name, of in pairs(functions) do
    all[name] = ffi.cast(of.type, of.address)
end
all.new_view = function() return ffi.new "View" end
return all
