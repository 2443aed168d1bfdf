-- The shipped `empty`.
local function on_book() end

return { on_book = on_book, restart = function() end }
