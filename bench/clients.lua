-- Each request from a client of its own: a delta is given to a client once.
local number = 0
request = function()
  number = number + 1
  wrk.headers["X-Forwarded-For"] = tostring(number)
  return wrk.format("GET")
end
