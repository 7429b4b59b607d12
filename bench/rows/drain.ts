// Row 1: how fast waiting events are delivered and recorded, beside bare signed POSTs of the same bodies.
