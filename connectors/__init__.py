"""The integrator's side of the CRM connector contract.

Never imports `gateway`: two readings of one contract check each other.
"""
