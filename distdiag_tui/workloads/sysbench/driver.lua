-- Runs one of sysbench's own scripts unchanged, and adds what the console needs besides.
--   DISTDIAG_SCRIPT  the script, such as oltp_read_write
--   DISTDIAG_TABLES  for prepare: the numbers of the tables to make, such as "2 5"
--   DISTDIAG_FIRST   for bulk_insert: its tables count from here on, beside those of the other scripts
require(os.getenv("DISTDIAG_SCRIPT"))

-- Before each report the histogram of all latencies so far: the line itself has one percentile only, and
-- percentiles of several processes do not add up. Scripts may print histograms (sysbench declares the type
-- and the function), but the one of the whole run has no name in Lua. If it cannot be had, the line still comes.
local found, ffi = pcall(require, "ffi")
if found then
   found = pcall(ffi.cdef, "struct distdiag_opaque { char first; }; extern struct distdiag_opaque sb_latency_histogram;")
end

local function print_histogram()
   ffi.C.sb_histogram_print(ffi.cast("sb_histogram_t *", ffi.C.sb_latency_histogram))
end

-- In one piece, so that a message of another thread cannot come between a line and its end.
local function print_line(line)
   io.write(line .. "\n")
end

function sysbench.hooks.report_intermediate(stat)
   if found and stat.events > 0 then -- an empty one keeps its lock, and 1.0.20 then hangs at its end
      pcall(print_histogram)
   end
   print = print_line
   sysbench.report_default(stat)
end

local tables = os.getenv("DISTDIAG_TABLES")
if tables then
   local wanted = {}
   for number in tables:gmatch("%d+") do
      wanted[#wanted + 1] = tonumber(number)
   end
   local function prepare()
      local driver = sysbench.sql.driver()
      local connection = driver:connect()
      local threads = sysbench.opt.threads
      for i = sysbench.tid % threads + 1, #wanted, threads do
         create_table(driver, connection, wanted[i])
      end
   end
   sysbench.cmdline.commands.prepare = {prepare, sysbench.cmdline.PARALLEL_COMMAND}
end

local first = tonumber(os.getenv("DISTDIAG_FIRST") or "")
if first then
   local init = thread_init
   function thread_init()
      thread_id = thread_id + first - 1 -- the script inserts into "sbtest" .. thread_id + 1
      init()
   end
end
